//! What of two values differs.

/// A struct of the API, field by field.
pub trait Differences: Sized {
    /// Returns what of `self` and of `other` differs: fields that are equal have their default in both, and so are written
    /// in neither.
    #[must_use]
    fn differences(&self, other: &Self) -> (Self, Self);
}

/// Two values, or the default of both where they are equal.
pub(crate) fn of<T: Clone + Default + PartialEq>(ours: &T, theirs: &T) -> (T, T) {
    if ours == theirs { (T::default(), T::default()) } else { (ours.clone(), theirs.clone()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::RolloutStatus;

    #[test]
    fn what_is_equal_is_left_out_of_both() {
        let one =
            RolloutStatus { stable_rs: "a".to_owned(), abort: true, replicas: 3, ..RolloutStatus::default() };
        let other = RolloutStatus { abort: false, replicas: 4, ..one.clone() };
        let (ours, theirs) = one.differences(&other);
        assert_eq!(ours, RolloutStatus { abort: true, replicas: 3, ..RolloutStatus::default() });
        assert_eq!(theirs, RolloutStatus { replicas: 4, ..RolloutStatus::default() });
    }
}
