//! Reading and writing fields the way the clients of this API do: absent, null and default are the same.

use serde::{Deserialize, Deserializer};

/// Reads a field; null gives the default.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Says whether a field has its default, and so is not written.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
