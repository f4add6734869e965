//! Pod templates: kept as text, compared by meaning.

mod text;

pub use text::TemplateText;
