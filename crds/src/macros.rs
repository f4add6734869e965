//! Two macros that keep the API readable: structs whose fields are all optional on the wire, and closed sets of words.

/// Declares structs of the API.
///
/// Every field may be absent or null and then has its default; a field that has its default is not written. That is
/// what the clients of this API do (`omitempty`), so a round trip changes nothing that they can see.
macro_rules! api {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident { $( $(#[$field_meta:meta])* pub $field:ident: $type:ty, )* }
    )+) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            $(
                $(#[$field_meta])*
                #[serde(
                    default,
                    deserialize_with = "crate::lenient::or_default",
                    skip_serializing_if = "crate::lenient::is_default"
                )]
                pub $field: $type,
            )*
        }

        impl crate::Differences for $name {
            fn differences(&self, other: &Self) -> (Self, Self) {
                // Not every struct has fields.
                let _ = other;
                $(let $field = crate::differences::of(&self.$field, &other.$field);)*
                (Self { $($field: $field.0,)* }, Self { $($field: $field.1,)* })
            }
        }
    )+};
}

/// Declares a closed set of words of the API as an enum with `ALL`, `as_str`, `from_word`, `Display` and `Serialize`.
///
/// With a last line `_ => Name`, the enum can also be read from objects: a word that is not in the list becomes
/// `Name`, and never an error, because a newer version may have written it.
macro_rules! words {
    (
        $(#[$meta:meta])*
        pub enum $name:ident { $( $(#[$variant_meta:meta])* $variant:ident = $word:literal, )+ }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $( $(#[$variant_meta])* $variant, )+ }
        words!(@shared $name { $($variant = $word,)+ });
        impl $name {
            /// Returns the word as it stands in objects.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $word, )+ }
            }
        }
    };
    (
        $(#[$meta:meta])*
        pub enum $name:ident { $( $(#[$variant_meta:meta])* $variant:ident = $word:literal, )+ _ => $other:ident }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $( $(#[$variant_meta])* $variant, )+
            /// No word, or a word that this version does not know.
            #[default]
            $other,
        }
        words!(@shared $name { $($variant = $word,)+ });
        impl $name {
            /// Returns the word as it stands in objects; the empty word for an unknown one.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $word, )+ Self::$other => "" }
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Ok(Self::from_word(&word).unwrap_or_default())
            }
        }
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string" })
            }
        }
    };
    (@shared $name:ident { $($variant:ident = $word:literal,)+ }) => {
        impl $name {
            /// Every known word, in the order of the declaration.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )+ ];
            /// Returns what the word stands for, or nothing if it is not a known one.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $( $word => Some(Self::$variant), )+ _ => None }
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.pad(self.as_str())
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}
