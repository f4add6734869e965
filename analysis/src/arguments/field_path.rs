//! Paths of fields, as `valueFrom.fieldRef.fieldPath` writes them.

use serde_json::Value;

/// The text of the field at `path` of `object`: `metadata.name`, `metadata.labels['app']`, `spec.steps[0].setWeight`.
///
/// # Errors
/// In words, when the path is none, leads nowhere, or ends at a list or an object.
pub fn field_of(object: &Value, path: &str) -> Result<String, String> {
    let mut value = object;
    let mut rest = path.strip_prefix("$.").or_else(|| path.strip_prefix('.')).unwrap_or(path);
    let malformed = || format!("{path:?} is no path of a field such as metadata.labels['app']");
    while !rest.is_empty() {
        let (key, after) = segment(rest).ok_or_else(malformed)?;
        let next = match key {
            Key::Field(name) => value.get(name),
            Key::Index(at) => value.get(at),
        };
        value = next.ok_or_else(|| format!("{path:?} leads nowhere: there is no such field"))?;
        rest = after;
    }
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        Value::Null => Err(format!("{path:?} is null")),
        Value::Array(_) | Value::Object(_) if path.is_empty() => Err(malformed()),
        Value::Array(_) | Value::Object(_) => Err(format!("{path:?} is no text, number or bool")),
    }
}

enum Key<'a> {
    Field(&'a str),
    Index(usize),
}

/// The first step of a path, and what follows it.
fn segment(path: &str) -> Option<(Key<'_>, &str)> {
    let (key, rest) = if let Some(inner) = path.strip_prefix('[') {
        let quote = inner.chars().next()?;
        if matches!(quote, '\'' | '"') {
            let (name, rest) = inner.strip_prefix(quote)?.split_once(quote)?;
            (Key::Field(name), rest.strip_prefix(']')?)
        } else {
            let (index, rest) = inner.split_once(']')?;
            (Key::Index(index.parse().ok()?), rest)
        }
    } else {
        let end = path.find(['.', '[']).unwrap_or(path.len());
        let (name, rest) = path.split_at(end);
        (Key::Field((!name.is_empty()).then_some(name)?), rest)
    };
    match rest.strip_prefix('.') {
        Some("") => None,
        Some(after) => Some((key, after)),
        None if rest.is_empty() || rest.starts_with('[') => Some((key, rest)),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::field("metadata.name", Ok("web"))]
    #[case::quoted("metadata.labels['app.kubernetes.io/name']", Ok("shop"))]
    #[case::double_quoted("metadata.labels[\"app.kubernetes.io/name\"]", Ok("shop"))]
    #[case::index_and_number("spec.steps[1].setWeight", Ok("20"))]
    #[case::missing(
        "metadata.labels['env']",
        Err("\"metadata.labels['env']\" leads nowhere: there is no such field")
    )]
    #[case::object("metadata.labels", Err("\"metadata.labels\" is no text, number or bool"))]
    #[case::empty("", Err("\"\" is no path of a field such as metadata.labels['app']"))]
    #[case::trailing_dot(
        "metadata.",
        Err("\"metadata.\" is no path of a field such as metadata.labels['app']")
    )]
    #[case::open_bracket(
        "metadata[",
        Err("\"metadata[\" is no path of a field such as metadata.labels['app']")
    )]
    #[case::index_out_of_range(
        "spec.steps[7].setWeight",
        Err("\"spec.steps[7].setWeight\" leads nowhere: there is no such field")
    )]
    fn paths(#[case] path: &str, #[case] expected: Result<&str, &str>) {
        let object = json!({
            "metadata": {"name": "web", "labels": {"app.kubernetes.io/name": "shop"}},
            "spec": {"steps": [{}, {"setWeight": 20}]},
        });
        let found = field_of(&object, path);
        assert_eq!(found.as_deref().map_err(String::as_str), expected);
    }
}
