//! Which of two versions of one object is the later one.

use jiff::Timestamp;
use planner::facts::Meta;

/// One version of one incarnation of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Which incarnation.
    pub(crate) uid: String,
    /// Which version of it.
    pub(crate) resource_version: String,
    /// When this incarnation was accepted.
    pub(crate) created: Option<Timestamp>,
}

impl Stamp {
    /// The stamp of an object with this metadata.
    pub(crate) fn of(meta: &Meta) -> Self {
        Self { uid: meta.uid.clone(), resource_version: meta.resource_version.clone(), created: meta.created }
    }
}

/// How a version relates to the one that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// It is the same one.
    Same,
    /// It comes later, or nobody can tell.
    Later,
    /// It comes earlier: a late event, or an answer that was overtaken.
    Earlier,
}

/// Orders `next` against `held`.
///
/// Versions are compared as numbers, which the API promises for versions of the same object, and only if both are
/// numbers. Of two incarnations the one that was created earlier is the earlier one.
pub(crate) fn order(held: &Stamp, next: &Stamp) -> Order {
    if held.uid != next.uid {
        let earlier = matches!((held.created, next.created), (Some(held), Some(next)) if next < held);
        return if earlier { Order::Earlier } else { Order::Later };
    }
    if held.resource_version == next.resource_version {
        return Order::Same;
    }
    match (held.resource_version.parse::<u64>(), next.resource_version.parse::<u64>()) {
        (Ok(held), Ok(next)) if next < held => Order::Earlier,
        _ => Order::Later,
    }
}

/// Whether `shown` is certainly `written` or a later version of it: versions that are no numbers must be equal.
pub(crate) fn is_at_least(shown: &Stamp, written: &Stamp) -> bool {
    match order(written, shown) {
        Order::Same => true,
        Order::Later => is_ordered(shown) && is_ordered(written),
        Order::Earlier => false,
    }
}

/// Whether versions like this one can be ordered.
pub(crate) fn is_ordered(stamp: &Stamp) -> bool {
    stamp.resource_version.parse::<u64>().is_ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn stamp(uid: &str, version: &str, created: i64) -> Stamp {
        Stamp {
            uid: uid.to_owned(),
            resource_version: version.to_owned(),
            created: Timestamp::from_second(created).ok(),
        }
    }

    #[rstest]
    #[case::same(("u", "10", 1), ("u", "10", 1), Order::Same)]
    #[case::numbers_not_texts(("u", "9", 1), ("u", "10", 1), Order::Later)]
    #[case::earlier(("u", "10", 1), ("u", "9", 1), Order::Earlier)]
    #[case::opaque_is_taken(("u", "b", 1), ("u", "a", 1), Order::Later)]
    #[case::new_incarnation(("u", "10", 1), ("v", "3", 2), Order::Later)]
    #[case::late_event_of_the_old_incarnation(("v", "10", 2), ("u", "99", 1), Order::Earlier)]
    #[case::within_a_second_it_is_taken(("v", "10", 2), ("u", "9", 2), Order::Later)]
    fn versions(#[case] held: (&str, &str, i64), #[case] next: (&str, &str, i64), #[case] want: Order) {
        assert_eq!(order(&stamp(held.0, held.1, held.2), &stamp(next.0, next.1, next.2)), want);
    }
}
