//! Pod templates: kept as text, compared by meaning.
//!
//! Two templates are the same version if they ask for the same pods. There are two questions, the cheap one first:
//!
//! 1. [`pod_template_hash`] is equal: the templates are equal but for the order of keys, nulls and empty parts. It
//!    names the ReplicaSet, and depends on no table, so no release of Linnet or of Kubernetes changes it.
//! 2. [`same`]: the templates are equal after everything that an API server adds, rewrites or drops was settled.
//!
//! A ReplicaSet that was found by either keeps the hash that it was labelled with.

mod compact;
mod container;
mod hash;
mod image;
mod injected;
mod json;
mod normal;
mod quantity;
mod text;
mod volume;

pub use hash::{Digest, pod_template_hash};
pub use injected::{as_written, without_metadata};
pub use normal::{digest, normal_form, same};
pub use text::TemplateText;

#[cfg(test)]
mod tests;
