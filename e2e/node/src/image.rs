//! What an image name stands for on this node.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a container of an image does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Image {
    /// Cannot be pulled, ever.
    Missing,
    /// The built-in HTTP server.
    Demo,
    /// A binary of this machine, run as a process.
    Binary(PathBuf),
    /// `sh -c` and a few plain commands, run as a process.
    Shell,
    /// Nothing of ours: identity only, or the built-in server where it declares ports.
    Other,
}

/// Decides what `image` stands for; `binaries` maps names (whole, or their last part) to paths.
pub(crate) fn classify(image: &str, binaries: &BTreeMap<String, PathBuf>) -> Image {
    let name = without_tag(image);
    let last = name.rsplit('/').next().unwrap_or(name);
    if let Some(path) = binaries.get(name).or_else(|| binaries.get(last)) {
        return Image::Binary(path.clone());
    }
    if image.contains("does-not-exist") || tag(image) == Some("missing") {
        return Image::Missing;
    }
    match last {
        "demo" => Image::Demo,
        "busybox" | "alpine" => Image::Shell,
        _ => Image::Other,
    }
}

/// The tag of an image name, if it has one.
pub(crate) fn tag(image: &str) -> Option<&str> {
    let (name, _) = image.split_once('@').unwrap_or((image, ""));
    let (_, tag) = name.rsplit_once(':')?;
    (!tag.contains('/')).then_some(tag)
}

fn without_tag(image: &str) -> &str {
    let (name, _) = image.split_once('@').unwrap_or((image, ""));
    match name.rsplit_once(':') {
        Some((before, tag)) if !tag.contains('/') => before,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::demo("linnet.test/demo:v2", Image::Demo)]
    #[case::registry_port("localhost:5000/demo", Image::Demo)]
    #[case::digest("linnet.test/demo@sha256:aa", Image::Demo)]
    #[case::cannot_be_pulled("linnet.test/does-not-exist:v1", Image::Missing)]
    #[case::tag_missing("linnet.test/demo:missing", Image::Missing)]
    #[case::shell("docker.io/library/busybox:1.36", Image::Shell)]
    #[case::binary_by_last_part("ghcr.io/linnet/linnet:0.1.0", Image::Binary(PathBuf::from("/bin/linnet")))]
    #[case::binary_by_whole_name("example.test/a/b:1", Image::Binary(PathBuf::from("/bin/b")))]
    #[case::binary_wins_over_its_tag("linnet:missing", Image::Binary(PathBuf::from("/bin/linnet")))]
    #[case::anything_else("nginx:1.29", Image::Other)]
    fn a_name_decides(#[case] image: &str, #[case] want: Image) {
        let binaries = BTreeMap::from([
            ("linnet".to_owned(), PathBuf::from("/bin/linnet")),
            ("example.test/a/b".to_owned(), PathBuf::from("/bin/b")),
        ]);
        assert_eq!(classify(image, &binaries), want);
    }

    #[rstest]
    #[case("linnet.test/demo:v2", Some("v2"))]
    #[case("localhost:5000/demo", None)]
    #[case("demo:v2@sha256:aa", Some("v2"))]
    #[case("demo", None)]
    fn the_tag_is_what_follows_the_last_colon_of_the_name(#[case] image: &str, #[case] want: Option<&str>) {
        assert_eq!(tag(image), want);
    }
}
