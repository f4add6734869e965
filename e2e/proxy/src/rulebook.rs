//! The rules in force, and how often each has matched.

use std::time::Duration;

use serde::Serialize;

use crate::attributes::Attributes;
use crate::rule::{Action, Rule};

/// A rule with its count.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Standing {
    #[serde(flatten)]
    rule: Rule,
    /// Requests that matched so far.
    matched: u64,
}

/// What is to happen to one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Decision {
    /// It waits this long first.
    pub(crate) delay: Duration,
    /// The name of the rule that acts, and its action; `None` means that it is forwarded.
    pub(crate) action: Option<(String, Action)>,
}

/// The rules in force.
#[derive(Debug, Default)]
pub(crate) struct Rulebook {
    standing: Vec<Standing>,
}

impl Rulebook {
    /// Adds rules behind those that stand.
    pub(crate) fn add(&mut self, rules: Vec<Rule>) {
        self.standing.extend(rules.into_iter().map(|rule| Standing { rule, matched: 0 }));
    }

    /// Removes all rules.
    pub(crate) fn clear(&mut self) {
        self.standing.clear();
    }

    /// The rules in force, with their counts.
    pub(crate) fn standing(&self) -> &[Standing] {
        &self.standing
    }

    /// Counts the request at every rule that it matches, and decides.
    ///
    /// Delays add up; of all other actions the first counts.
    pub(crate) fn decide(&mut self, request: &Attributes) -> Decision {
        let mut decision = Decision::default();
        for standing in &mut self.standing {
            if !standing.rule.matcher.matches(request) {
                continue;
            }
            standing.matched += 1;
            if !standing.rule.acts_on(standing.matched) {
                continue;
            }
            match &standing.rule.action {
                Action::Delay { milliseconds } => decision.delay += Duration::from_millis(*milliseconds),
                action if decision.action.is_none() => {
                    decision.action = Some((standing.rule.name.clone(), action.clone()));
                }
                _ => {}
            }
        }
        decision
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::rule::When;

    fn book(rules: Value) -> Rulebook {
        let mut book = Rulebook::default();
        book.add(serde_json::from_value(rules).unwrap());
        book
    }

    fn patch(name: &str) -> Attributes {
        Attributes::read("PATCH", &format!("/api/v1/namespaces/shop/pods/{name}"), "", "linnet")
    }

    #[test]
    fn delays_add_up_and_the_first_other_action_counts() {
        let mut book = book(json!([
            { "action": { "do": "delay", "milliseconds": 20 } },
            { "name": "first", "action": { "do": "cut" } },
            { "name": "second", "action": { "do": "drop" } },
            { "action": { "do": "delay", "milliseconds": 30 } },
        ]));
        let want = Decision {
            delay: Duration::from_millis(50),
            action: Some(("first".to_owned(), Action::Cut { when: When::Before })),
        };
        assert_eq!(book.decide(&patch("a")), want);
    }

    #[test]
    fn each_rule_counts_its_own_matches() {
        let mut book = book(json!([
            { "match": { "name": "a" }, "from": 2, "times": 1, "action": { "do": "cut" } },
            { "from": 3, "times": 1, "action": { "do": "drop" } },
        ]));
        let actions: Vec<Option<Action>> = ["b", "a", "b", "a", "a"]
            .iter()
            .map(|name| book.decide(&patch(name)).action.map(|(_, action)| action))
            .collect();
        let (cut, drop) = (Action::Cut { when: When::Before }, Action::Drop { when: When::Before });
        assert_eq!(actions, [None, None, Some(drop), Some(cut), None]);
        assert_eq!(book.standing().iter().map(|standing| standing.matched).collect::<Vec<_>>(), [3, 5]);
    }
}
