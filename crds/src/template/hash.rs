//! The hash that names the ReplicaSet of a template, and the digest that stands for its meaning.

use std::fmt;

use serde_json::Value;

use super::TemplateText;
use super::compact::compact;

const OFFSET_32: u32 = 0x811c_9dc5;
const PRIME_32: u32 = 0x0100_0193;
const OFFSET_128: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME_128: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

/// Consonants and digits that are not mistaken for vowels, so that no word appears in a name.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// What a template means, in 128 bits: equal for templates that are the same, and for no others that ever meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(u128);

impl Digest {
    /// Returns the digest of a value as it stands.
    pub(super) fn of(value: &Value) -> Self {
        let text = value.to_string();
        Self(text.bytes().fold(OFFSET_128, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME_128)))
    }
}

impl fmt::Display for Digest {
    /// Writes 32 hexadecimal digits.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

/// Returns the hash that names the ReplicaSet of this template and labels its pods: up to 10 characters that are valid
/// in names and labels.
///
/// Templates that differ only in the order of keys, in nulls and in empty maps and lists have the same hash.
/// `collision_count` gives another hash to a template whose name is taken by another template.
#[must_use]
pub fn pod_template_hash(template: &TemplateText, collision_count: Option<i32>) -> String {
    let text = compact(&template.to_value()).to_string();
    let mut hash = fnv_32(OFFSET_32, text.as_bytes());
    if let Some(count) = collision_count {
        hash = fnv_32(hash, &count.to_le_bytes());
        hash = fnv_32(hash, &[0; 4]);
    }
    safe_encode(&hash.to_string())
}

fn fnv_32(offset: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(offset, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(PRIME_32))
}

/// Replaces each byte by a character of the alphabet, as Kubernetes does with hashes in names.
fn safe_encode(text: &str) -> String {
    text.bytes()
        .filter_map(|byte| ALPHABET.get(usize::from(byte) % ALPHABET.len()))
        .copied()
        .map(char::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::empty("", 0x811c_9dc5)]
    #[case::one_byte("a", 0xe40c_292c)]
    #[case::word("foobar", 0xbf9c_f968)]
    fn published_vectors(#[case] text: &str, #[case] want: u32) {
        assert_eq!(fnv_32(OFFSET_32, text.as_bytes()), want);
    }

    #[test]
    fn the_encoding_of_kubernetes() {
        // '0' is 48 and 48 mod 27 is 21, and so on.
        assert_eq!(safe_encode("0123456789"), "456789bcdf");
    }

    #[test]
    fn a_collision_count_changes_the_hash_and_zero_is_a_count() {
        let template = TemplateText::from(&json!({ "spec": { "containers": [] } }));
        let hashes: std::collections::BTreeSet<String> =
            [None, Some(0), Some(1), Some(256)].map(|count| pod_template_hash(&template, count)).into();
        assert_eq!(hashes.len(), 4);
    }
}
