//! Objects as they stand in files, and where.

use serde_json::Value;

/// Names of which a list has its objects in `items`.
const LIST: &str = "List";

/// Where an object stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file's name as it was given; `-` for standard input.
    pub file: String,
    /// Which document of the file, counted from 1.
    pub document: usize,
    /// The line at which the document begins, counted from 1.
    pub line: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.line == 0 {
            return f.write_str(&self.file);
        }
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// One object.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Where it stands.
    pub place: Place,
    /// The object; it is one, and has a kind.
    pub value: Value,
}

impl Manifest {
    /// `kind`.
    #[must_use]
    pub fn kind(&self) -> &str {
        text(&self.value, "/kind")
    }

    /// The API group: what stands before the slash of `apiVersion`; empty for the core group.
    #[must_use]
    pub fn group(&self) -> &str {
        text(&self.value, "/apiVersion").rsplit_once('/').map_or("", |(group, _)| group)
    }

    /// `metadata.name`.
    #[must_use]
    pub fn name(&self) -> &str {
        text(&self.value, "/metadata/name")
    }

    /// `metadata.namespace`, empty without one.
    #[must_use]
    pub fn namespace(&self) -> &str {
        text(&self.value, "/metadata/namespace")
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Why a file cannot be read as manifests.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// A document is neither YAML nor JSON.
    #[error("{file}:{line}: document {document} is broken: {message}{}", advice(*.looks_like_template))]
    Broken {
        /// The file.
        file: String,
        /// The document, counted from 1.
        document: usize,
        /// The line of the file.
        line: usize,
        /// What is wrong.
        message: String,
        /// Whether it may be a template that is to be rendered first.
        looks_like_template: bool,
    },
    /// A document is no object, or has no kind.
    #[error("{place}: document {} is no Kubernetes object: {problem}", place.document)]
    NoObject {
        /// Where it stands.
        place: Place,
        /// What is missing.
        problem: &'static str,
    },
}

const fn advice(looks_like_template: bool) -> &'static str {
    if looks_like_template {
        "; it holds \"{{\": render it first, as in `helm template . | kubectl linnet simulate -f -`"
    } else {
        ""
    }
}

/// The objects of one file: documents of YAML between `---`, or JSON; lists are taken apart.
///
/// # Errors
/// The first document that cannot be read or is no object, with its line.
pub fn read(file: &str, text: &str) -> Result<Vec<Manifest>, ManifestError> {
    let mut manifests = Vec::new();
    for (index, chunk) in chunks(text).enumerate() {
        let place = Place { file: file.to_owned(), document: index + 1, line: chunk.content };
        let value = parse(&place, &chunk)?;
        if !value.is_null() {
            collect(place, value, &mut manifests)?;
        }
    }
    Ok(manifests)
}

/// Like [`read`], but documents that are no Kubernetes objects are counted instead of refused: a directory holds other
/// files as well.
///
/// # Errors
/// The first document that cannot be read, with its line.
pub fn read_leniently(file: &str, text: &str) -> Result<(Vec<Manifest>, Vec<Place>), ManifestError> {
    let (mut manifests, mut others) = (Vec::new(), Vec::new());
    for (index, chunk) in chunks(text).enumerate() {
        let place = Place { file: file.to_owned(), document: index + 1, line: chunk.content };
        let value = parse(&place, &chunk)?;
        if !value.is_null() && collect(place, value, &mut manifests).is_err() {
            others.push(Place { file: file.to_owned(), document: index + 1, line: chunk.content });
        }
    }
    Ok((manifests, others))
}

/// A document as text.
struct Chunk<'a> {
    text: &'a str,
    /// The line of the file at which the text begins.
    start: usize,
    /// The line of the file at which the first word stands.
    content: usize,
}

/// The documents that hold anything but comments.
fn chunks(text: &str) -> impl Iterator<Item = Chunk<'_>> {
    let mut pieces = Vec::new();
    let (mut begin, mut begin_line, mut at) = (0, 1, 0);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if is_separator(line) {
            pieces.push((begin, at, begin_line));
            (begin, begin_line) = (at + line.len(), index + 2);
        }
        at += line.len();
    }
    pieces.push((begin, at, begin_line));
    pieces.into_iter().filter_map(|(begin, end, start)| {
        let text = text.get(begin..end)?;
        let is_content = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
        let blank = text.lines().position(is_content)?;
        Some(Chunk { text, start, content: start + blank })
    })
}

fn is_separator(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| {
        let rest = rest.trim();
        rest.is_empty() || rest.starts_with('#')
    })
}

fn parse(place: &Place, chunk: &Chunk<'_>) -> Result<Value, ManifestError> {
    let is_json = chunk.text.trim_start().starts_with(['{', '[']);
    let parsed = if is_json {
        // JSON is YAML, but its own reader has the better words for what is wrong.
        serde_json::from_str(chunk.text).or_else(|error| {
            serde_saphyr::from_str(chunk.text).map_err(|_| (error.line(), error.to_string()))
        })
    } else {
        serde_saphyr::from_str(chunk.text).map_err(|error| {
            let line = error.location().and_then(|it| usize::try_from(it.line()).ok()).unwrap_or(1);
            (line, first_line(&error.without_snippet().to_string()))
        })
    };
    parsed.map_err(|(line, message)| ManifestError::Broken {
        file: place.file.clone(),
        document: place.document,
        line: chunk.start + line.max(1) - 1,
        message,
        looks_like_template: chunk.text.contains("{{"),
    })
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}

fn collect(place: Place, value: Value, into: &mut Vec<Manifest>) -> Result<(), ManifestError> {
    let Some(object) = value.as_object() else {
        return Err(ManifestError::NoObject { place, problem: "it is not a mapping" });
    };
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
    if kind.is_empty() {
        return Err(ManifestError::NoObject { place, problem: "it has no kind" });
    }
    match object.get("items").and_then(Value::as_array) {
        Some(items) if kind.ends_with(LIST) => {
            items.iter().try_for_each(|item| collect(place.clone(), item.clone(), into))
        }
        _ => {
            into.push(Manifest { place, value });
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn names(text: &str) -> Vec<(String, usize, usize)> {
        let manifests = read("a.yaml", text).unwrap();
        manifests.iter().map(|it| (it.name().to_owned(), it.place.document, it.place.line)).collect()
    }

    #[test]
    fn documents_have_numbers_and_lines() {
        let text = "# first\n---\n# a comment\nkind: A\nmetadata: {name: a}\n--- # next\n\n---\nkind: B\nmetadata: {name: b}\n";
        assert_eq!(names(text), [("a".to_owned(), 1, 4), ("b".to_owned(), 2, 9)]);
    }

    #[test]
    fn lists_are_taken_apart() {
        let text = r#"{"kind": "List", "items": [{"kind": "A", "metadata": {"name": "a"}},
            {"kind": "BList", "items": [{"kind": "B", "metadata": {"name": "b"}}]}]}"#;
        assert_eq!(names(text), [("a".to_owned(), 1, 1), ("b".to_owned(), 1, 1)]);
    }

    #[test]
    fn a_line_of_dashes_inside_of_a_text_is_no_end() {
        let text = "kind: A\nmetadata:\n  name: a\ndata: |\n  ---\n  more\n";
        assert_eq!(names(text).len(), 1);
    }

    #[rstest]
    #[case::indentation("kind: A\n---\nkind: B\n  x: 1\n", "a.yaml:4: document 2 is broken: ")]
    #[case::template("kind: A\nname: {{ .Values.x }}\n", "render it first")]
    #[case::json("{\"kind\": \"A\",\n \"x\": [}", "a.yaml:2: document 1 is broken: expected value")]
    #[case::scalar("---\n\nhello\n", "a.yaml:3: document 1 is no Kubernetes object: it is not a mapping")]
    #[case::values("image: a\n", "a.yaml:1: document 1 is no Kubernetes object: it has no kind")]
    #[case::twice("kind: A\nkind: B\n", "a.yaml:2: document 1 is broken: ")]
    fn what_is_wrong_is_said_with_its_line(#[case] text: &str, #[case] want: &str) {
        let error = read("a.yaml", text).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    }

    #[test]
    fn other_files_of_a_directory_are_passed_over() {
        let (manifests, others) = read_leniently("values.yaml", "image: a\n---\nkind: A\n").unwrap();
        assert_eq!((manifests.len(), others.len()), (1, 1));
        assert!(read_leniently("values.yaml", "a: [").is_err());
    }
}
