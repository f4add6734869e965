//! Rules: which requests, which of them, and what happens to them. The JSON of the control port.

use serde::{Deserialize, Serialize};

use crate::attributes::Attributes;

/// Which requests a rule is about; what is absent matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Matcher {
    /// Beginning of the user agent.
    pub(crate) user_agent: Option<String>,
    /// Any of these verbs.
    pub(crate) verbs: Vec<String>,
    /// Whether it must be a write (or must not).
    pub(crate) writes: Option<bool>,
    /// Any of these API groups.
    pub(crate) groups: Vec<String>,
    /// Any of these resources.
    pub(crate) resources: Vec<String>,
    /// None of these resources.
    pub(crate) except_resources: Vec<String>,
    /// Exactly this subresource; an empty one means the object itself.
    pub(crate) subresource: Option<String>,
    /// Exactly this namespace.
    pub(crate) namespace: Option<String>,
    /// Exactly this name.
    pub(crate) name: Option<String>,
}

impl Matcher {
    /// Whether the request is meant.
    pub(crate) fn matches(&self, request: &Attributes) -> bool {
        let any = |wanted: &[String], have: &str| wanted.is_empty() || wanted.iter().any(|want| want == have);
        let exact = |wanted: &Option<String>, have: &str| wanted.as_ref().is_none_or(|want| want == have);
        let agent = self.user_agent.as_ref();
        agent.is_none_or(|prefix| request.user_agent.starts_with(prefix.as_str()))
            && self.writes.is_none_or(|writes| writes == request.is_write())
            && any(&self.verbs, &request.verb)
            && any(&self.groups, &request.group)
            && any(&self.resources, &request.resource)
            && !self.except_resources.contains(&request.resource)
            && exact(&self.subresource, &request.subresource)
            && exact(&self.namespace, &request.namespace)
            && exact(&self.name, &request.name)
    }
}

/// The moment of a request at which something happens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum When {
    /// The API server has not seen it.
    #[default]
    Before,
    /// The API server has answered it, and the client has not seen the answer.
    After,
}

/// How a stream of events ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum CutMode {
    /// The connection breaks.
    #[default]
    Break,
    /// It ends as if all had been said.
    End,
    /// It stays open and says nothing more.
    Hang,
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "do", deny_unknown_fields)]
pub(crate) enum Action {
    /// It waits before it is forwarded; other rules apply as well.
    Delay {
        /// How long.
        milliseconds: u64,
    },
    /// It is answered with this status instead of the API server's.
    #[serde(rename_all = "camelCase")]
    Answer {
        /// HTTP status.
        status: u16,
        /// Without (`before`) or with (`after`) the API server having carried it out.
        #[serde(default)]
        when: When,
        /// Value of `Retry-After`.
        #[serde(default)]
        retry_after_seconds: Option<u32>,
    },
    /// The connection breaks.
    Cut {
        /// Without or with the API server having carried it out.
        #[serde(default)]
        when: When,
    },
    /// No answer ever comes.
    Drop {
        /// Without or with the API server having carried it out.
        #[serde(default)]
        when: When,
    },
    /// A stream of events ends some time after it began.
    #[serde(rename_all = "camelCase")]
    EndStream {
        /// How long after.
        milliseconds: u64,
        /// How.
        #[serde(default)]
        mode: CutMode,
    },
    /// A process is killed with SIGKILL, and the connection breaks.
    Kill {
        /// Its id.
        pid: i32,
        /// At which moment.
        #[serde(default)]
        when: When,
    },
    /// It waits until it is released.
    Hold {
        /// At which moment.
        #[serde(default)]
        when: When,
    },
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Rule {
    /// How it is called in the journal; free text.
    #[serde(default)]
    pub(crate) name: String,
    /// Which requests it is about.
    #[serde(default, rename = "match")]
    pub(crate) matcher: Matcher,
    /// The first of them, counted from 1.
    #[serde(default = "one")]
    pub(crate) from: u64,
    /// Every how many of them from there on.
    #[serde(default = "one")]
    pub(crate) every: u64,
    /// How many times at most; absent means without end.
    #[serde(default)]
    pub(crate) times: Option<u64>,
    /// What happens.
    pub(crate) action: Action,
}

impl Rule {
    /// Whether it acts on the request that matches it as number `occurrence`, counted from 1.
    pub(crate) fn acts_on(&self, occurrence: u64) -> bool {
        let Some(since) = occurrence.checked_sub(self.from.max(1)) else { return false };
        let every = self.every.max(1);
        since.is_multiple_of(every) && self.times.is_none_or(|times| since / every < times)
    }
}

fn one() -> u64 {
    1
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn request() -> Attributes {
        let path = "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web/status";
        Attributes::read("PATCH", path, "", "linnet/0.1.0")
    }

    #[rstest]
    #[case::everything(json!({}), true)]
    #[case::user_agent_prefix(json!({ "userAgent": "linnet" }), true)]
    #[case::other_user_agent(json!({ "userAgent": "kubectl" }), false)]
    #[case::verb(json!({ "verbs": ["update", "patch"] }), true)]
    #[case::other_verb(json!({ "verbs": ["get"] }), false)]
    #[case::writes(json!({ "writes": true }), true)]
    #[case::reads(json!({ "writes": false }), false)]
    #[case::resource(json!({ "resources": ["rollouts"], "groups": ["argoproj.io"] }), true)]
    #[case::core_group(json!({ "groups": [""] }), false)]
    #[case::excepted(json!({ "exceptResources": ["leases", "rollouts"] }), false)]
    #[case::subresource(json!({ "subresource": "status" }), true)]
    #[case::the_object_itself(json!({ "subresource": "" }), false)]
    #[case::name(json!({ "namespace": "shop", "name": "web" }), true)]
    #[case::other_name(json!({ "namespace": "shop", "name": "db" }), false)]
    fn what_is_given_must_fit(#[case] matcher: Value, #[case] want: bool) {
        let matcher: Matcher = serde_json::from_value(matcher).unwrap();
        assert_eq!(matcher.matches(&request()), want);
    }

    fn acting(rule: Value) -> Vec<u64> {
        let rule: Rule = serde_json::from_value(rule).unwrap();
        (1..=8).filter(|occurrence| rule.acts_on(*occurrence)).collect()
    }

    #[rstest]
    #[case::always(json!({ "action": { "do": "cut" } }), &[1, 2, 3, 4, 5, 6, 7, 8])]
    #[case::kth_only(json!({ "from": 3, "times": 1, "action": { "do": "cut" } }), &[3])]
    #[case::from_there_on(json!({ "from": 6, "action": { "do": "cut" } }), &[6, 7, 8])]
    #[case::every_third_twice(json!({ "from": 2, "every": 3, "times": 2, "action": { "do": "cut" } }), &[2, 5])]
    #[case::never(json!({ "times": 0, "action": { "do": "cut" } }), &[])]
    fn occurrences_are_chosen(#[case] rule: Value, #[case] want: &[u64]) {
        assert_eq!(acting(rule), want);
    }

    #[rstest]
    #[case(json!({ "do": "delay", "milliseconds": 5 }), Action::Delay { milliseconds: 5 })]
    #[case(
        json!({ "do": "answer", "status": 429, "when": "after", "retryAfterSeconds": 2 }),
        Action::Answer { status: 429, when: When::After, retry_after_seconds: Some(2) }
    )]
    #[case(json!({ "do": "drop" }), Action::Drop { when: When::Before })]
    #[case(json!({ "do": "kill", "pid": 7, "when": "after" }), Action::Kill { pid: 7, when: When::After })]
    #[case(
        json!({ "do": "endStream", "milliseconds": 1, "mode": "hang" }),
        Action::EndStream { milliseconds: 1, mode: CutMode::Hang }
    )]
    fn actions_are_read(#[case] json: Value, #[case] want: Action) {
        assert_eq!(serde_json::from_value::<Action>(json).unwrap(), want);
    }

    #[test]
    fn a_misspelt_field_is_refused() {
        let rule = json!({ "match": { "verb": "get" }, "action": { "do": "cut" } });
        assert!(serde_json::from_value::<Rule>(rule).unwrap_err().to_string().contains("verb"));
    }
}
