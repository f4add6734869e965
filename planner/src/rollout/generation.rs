//! `status.observedGeneration`: which spec the status is about, in the form that its readers can take.

use crds::IntOrString;
use crds::names::OBSERVED_GENERATION;
use crds::rollout::GenerationForm;

use super::Snapshot;

/// The generation of the spec that was looked at, in the form that the object asks for, else the operator's.
pub(crate) fn observed(snapshot: &Snapshot) -> Option<IntOrString> {
    let meta = &snapshot.rollout.meta;
    let asked = meta.annotations.get(OBSERVED_GENERATION).and_then(|word| GenerationForm::from_word(word));
    match asked.unwrap_or(snapshot.settings.observed_generation) {
        GenerationForm::Text => Some(IntOrString::String(meta.generation.to_string())),
        GenerationForm::Integer => Some(IntOrString::Int(meta.generation)),
        GenerationForm::Omitted => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::fixture;

    #[rstest]
    #[case::by_default(None, GenerationForm::Text, Some(IntOrString::from("1")))]
    #[case::by_the_flag(None, GenerationForm::Integer, Some(IntOrString::Int(1)))]
    #[case::left_out_by_the_flag(None, GenerationForm::Omitted, None)]
    #[case::the_object_decides(Some("integer"), GenerationForm::Text, Some(IntOrString::Int(1)))]
    #[case::the_object_wants_text(Some("string"), GenerationForm::Omitted, Some(IntOrString::from("1")))]
    #[case::the_object_wants_none(Some("omitted"), GenerationForm::Integer, None)]
    #[case::no_such_form(Some("roman"), GenerationForm::Integer, Some(IntOrString::Int(1)))]
    fn forms(#[case] asked: Option<&str>, #[case] flag: GenerationForm, #[case] want: Option<IntOrString>) {
        let mut snapshot = fixture::created(&json!({}));
        snapshot.settings.observed_generation = flag;
        if let Some(asked) = asked {
            let annotations = &mut snapshot.rollout.meta.annotations;
            annotations.insert(OBSERVED_GENERATION.to_owned(), asked.to_owned());
        }
        assert_eq!(observed(&snapshot), want);
    }
}
