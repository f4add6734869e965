//! How the API server says no.

use crds::object_ref::{Kind, ObjectRef};
use engine::input::Answer;

/// A refusal with an HTTP status, a reason and a sentence.
pub(super) fn refused(status: u16, reason: &str, message: String) -> Answer {
    Answer::Refused { status, reason: reason.to_owned(), message, retry_after: None }
}

/// There is no such object.
pub(crate) fn not_found(object: &ObjectRef) -> Answer {
    refused(404, "NotFound", format!("{} not found", quoted(object)))
}

/// The kind has no such subresource.
pub(super) fn no_subresource() -> Answer {
    refused(404, "NotFound", "the server could not find the requested resource".to_owned())
}

/// The name is taken.
pub(super) fn already_exists(object: &ObjectRef) -> Answer {
    refused(409, "AlreadyExists", format!("{} already exists", quoted(object)))
}

/// Somebody else has written in between, or it is another incarnation.
pub(crate) fn conflict(object: &ObjectRef, why: &str) -> Answer {
    refused(409, "Conflict", format!("Operation cannot be fulfilled on {}: {why}", quoted(object)))
}

/// What the object would be is not allowed.
pub(super) fn invalid(object: &ObjectRef, why: &str) -> Answer {
    refused(422, "Invalid", format!("{} is invalid: {why}", quoted(object)))
}

/// The patch cannot be applied to the object.
pub(super) fn unprocessable(why: &str) -> Answer {
    let sentence = "the server rejected our request due to an error in our request";
    refused(422, "Invalid", format!("{sentence}: {why}"))
}

/// The request cannot be understood.
pub(super) fn bad_request(why: String) -> Answer {
    refused(400, "BadRequest", why)
}

/// What the sentences call an object: `rollouts.argoproj.io "web"`.
fn quoted(object: &ObjectRef) -> String {
    format!("{} \"{}\"", resource(object.kind), object.name)
}

fn resource(kind: Kind) -> String {
    let (plural, group) = (kind.plural(), kind.group());
    if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") }
}
