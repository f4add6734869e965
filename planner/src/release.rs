//! A Service that no Rollout names any more: it gets its own selector back.
//!
//! While the Service selects one version alone, nobody is served by another one. So the hash is taken out of its
//! selector only if the Rollout that put it there has gone, or names the Service no longer, and that was read live;
//! and not before a while has passed, because a Rollout is also deleted to be made anew.

use crds::names::{MANAGED_BY_ROLLOUTS, POD_TEMPLATE_HASH};
use jiff::{SignedDuration, Timestamp};
use planted_bugs::{Bug, planted};

use crate::facts::ServiceFacts;

/// How long a Service is left as it is after its Rollout has let go of it.
pub const PATIENCE: SignedDuration = SignedDuration::from_secs(10);

/// What a live read says about the Rollout that put the hash into the selector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// It has not been read.
    Unread,
    /// There is none of that name.
    Gone,
    /// It is there, its spec can be read, and it does not name the Service.
    LetGo,
    /// It names the Service, belongs to another operator, or its spec cannot be read.
    Holds,
}

/// What is to be done about a Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing: a Rollout names it, or no Rollout ever managed it.
    Nothing,
    /// Nothing before that time.
    Wait {
        /// When to look again.
        until: Timestamp,
    },
    /// The Rollout that manages it, and the Service itself, are to be read live.
    Read,
    /// The hash in its selector and the mark of its manager go.
    Release,
}

/// The name of the Rollout whose mark a Service carries beside a hash in its selector.
#[must_use]
pub fn manager(service: &ServiceFacts) -> Option<&str> {
    let name = service.meta.annotations.get(MANAGED_BY_ROLLOUTS)?;
    (service.selector.contains_key(POD_TEMPLATE_HASH) && !service.meta.deleting).then_some(name)
}

/// Decides about a Service that no known Rollout names if `is_named` is false, and has not since `since`.
#[must_use]
pub fn plan(
    service: &ServiceFacts,
    is_named: bool,
    about: Manager,
    since: Timestamp,
    now: Timestamp,
) -> Plan {
    if is_named || self::manager(service).is_none() {
        return Plan::Nothing;
    }
    let until = since.checked_add(PATIENCE).unwrap_or(Timestamp::MAX);
    match about {
        Manager::Holds => Plan::Nothing,
        _ if planted(Bug::ServiceReleasedWithoutLook) => Plan::Release,
        _ if until > now => Plan::Wait { until },
        Manager::Unread => Plan::Read,
        Manager::Gone | Manager::LetGo => Plan::Release,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rstest::rstest;

    use super::*;
    use crate::fixture;

    fn service(manager: Option<&str>, hash: Option<&str>) -> ServiceFacts {
        let mut service = ServiceFacts {
            meta: fixture::meta("web-stable", "uid-service"),
            selector: BTreeMap::from([("app".to_owned(), "web".to_owned())]),
        };
        service.selector.extend(hash.map(|hash| (POD_TEMPLATE_HASH.to_owned(), hash.to_owned())));
        let mark = manager.map(|name| (MANAGED_BY_ROLLOUTS.to_owned(), name.to_owned()));
        service.meta.annotations.extend(mark);
        service
    }

    fn later() -> Timestamp {
        fixture::start() + PATIENCE
    }

    #[rstest]
    #[case::named(true, Manager::Gone, Plan::Nothing)]
    #[case::unread(false, Manager::Unread, Plan::Read)]
    #[case::gone(false, Manager::Gone, Plan::Release)]
    #[case::let_go(false, Manager::LetGo, Plan::Release)]
    #[case::held(false, Manager::Holds, Plan::Nothing)]
    fn after_a_while(#[case] is_named: bool, #[case] about: Manager, #[case] want: Plan) {
        let service = service(Some("web"), Some("a"));
        assert_eq!(plan(&service, is_named, about, fixture::start(), later()), want);
    }

    #[rstest]
    #[case::nobody_marked_it(None, Some("a"))]
    #[case::it_selects_no_version(Some("web"), None)]
    fn a_service_that_is_as_its_owner_made_it_is_left_alone(
        #[case] manager: Option<&str>,
        #[case] hash: Option<&str>,
    ) {
        let service = service(manager, hash);
        assert_eq!(plan(&service, false, Manager::Gone, fixture::start(), later()), Plan::Nothing);
    }

    #[test]
    fn a_rollout_that_comes_again_soon_finds_its_service_as_it_was() {
        let service = service(Some("web"), Some("a"));
        let early = later() - SignedDuration::from_millis(1);
        for about in [Manager::Unread, Manager::Gone, Manager::LetGo] {
            let got = plan(&service, false, about, fixture::start(), early);
            assert_eq!(got, Plan::Wait { until: later() });
        }
    }
}
