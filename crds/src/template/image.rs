//! When an image is pulled, if nobody says.

use serde_json::{Map, Value};

use super::json::{set_zero, text};

/// Sets the pull policy under `policy_key` by the image under `image_key`: Always for the tag `latest`, given or
/// implied; else `IfNotPresent`.
pub(super) fn set_pull_policy(map: &mut Map<String, Value>, image_key: &str, policy_key: &str) {
    let policy = if is_latest(text(map, image_key)) { "Always" } else { "IfNotPresent" };
    set_zero(map, policy_key, policy);
}

/// Says whether a reference names the tag `latest`. One that is not well formed names no tag.
fn is_latest(image: &str) -> bool {
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    let (_, last_part) = name.split_at_checked(last).unwrap_or_default();
    let (repository, tag) = match last_part.split_once(':') {
        Some((part, tag)) => (name.split_at_checked(last + part.len()).unwrap_or_default().0, Some(tag)),
        None => (name, None),
    };
    if !is_repository(repository) {
        return false;
    }
    match tag {
        Some(tag) => tag == "latest",
        None => digest.is_none(),
    }
}

/// Says whether the text names a repository: lower-case parts, after a host that may have capitals and a port.
fn is_repository(text: &str) -> bool {
    let path = match text.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => path,
        _ => text,
    };
    let identifier = path.len() == 64 && path.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    !identifier
        && path.split('/').all(|part| {
            let ends = |byte: Option<u8>| {
                byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            };
            ends(part.bytes().next())
                && ends(part.bytes().last())
                && part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'))
        })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::no_tag("nginx", true)]
    #[case::latest("nginx:latest", true)]
    #[case::version("nginx:1.27", false)]
    #[case::host_with_port("registry.example:5000/team/app", true)]
    #[case::host_with_port_and_tag("registry.example:5000/team/app:v1", false)]
    #[case::localhost("localhost/app", true)]
    #[case::host_with_capitals("Registry.Example/app", true)]
    #[case::digest("nginx@sha256:0123", false)]
    #[case::latest_and_digest("nginx:latest@sha256:0123", true)]
    #[case::capitals("Nginx", false)]
    #[case::empty("", false)]
    #[case::template("{{image}}", false)]
    #[case::identifier("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", false)]
    #[case::two_byte_characters("ü/ü:latest", false)]
    fn latest(#[case] image: &str, #[case] want: bool) {
        assert_eq!(is_latest(image), want);
    }
}
