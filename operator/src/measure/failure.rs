//! Why an exchange with a metric backend gave no answer.

use std::error::Error;
use std::io;
use std::time::Duration;

use analysis::provider::TransportError;

use super::address::{ForbiddenAddress, UnknownHost};

/// Says why there is no answer from `host` within `timeout`. The URL is left out: it may hold a password.
pub(super) fn classify(error: reqwest::Error, host: &str, timeout: Duration) -> TransportError {
    let error = error.without_url();
    if error.is_timeout() {
        return TransportError::Timeout { seconds: timeout };
    }
    match find(&error) {
        Some(Cause::Forbidden(forbidden)) => forbidden_at(host, forbidden),
        Some(Cause::Words(message)) => TransportError::Connection { message: format!("{host}: {message}") },
        None => TransportError::Connection { message: format!("{host}: {}", words(&error)) },
    }
}

/// The error of a host that must not be asked.
pub(super) fn forbidden_at(host: &str, forbidden: ForbiddenAddress) -> TransportError {
    TransportError::Forbidden { address: host.to_owned(), reason: forbidden.to_string() }
}

/// A cause that says more than the client's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Cause {
    Forbidden(ForbiddenAddress),
    Words(String),
}

/// Looks along the chain of causes for one that says more than the client does.
fn find(error: &(dyn Error + 'static)) -> Option<Cause> {
    if let Some(found) = known(error) {
        return Some(found);
    }
    // An io::Error hides its cause from `source`.
    if let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        let inner: &(dyn Error + 'static) = inner;
        return find(inner);
    }
    error.source().and_then(find)
}

fn known(error: &(dyn Error + 'static)) -> Option<Cause> {
    if let Some(forbidden) = error.downcast_ref::<ForbiddenAddress>() {
        return Some(Cause::Forbidden(*forbidden));
    }
    if let Some(unknown) = error.downcast_ref::<UnknownHost>() {
        return Some(Cause::Words(unknown.to_string()));
    }
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return Some(Cause::Words(format!("no trusted TLS connection: {tls}")));
    }
    let words = match error.downcast_ref::<io::Error>()?.kind() {
        io::ErrorKind::ConnectionRefused => {
            "connection refused: check that it runs and that the port is right"
        }
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => {
            "the connection was closed before the answer was complete"
        }
        _ => return None,
    };
    Some(Cause::Words(words.to_owned()))
}

/// The chain of causes in words, the outermost first.
fn words(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const LINK_LOCAL: ForbiddenAddress =
        ForbiddenAddress(std::net::IpAddr::V4(std::net::Ipv4Addr::new(169, 254, 0, 1)));

    #[test]
    fn a_forbidden_address_is_found_inside() {
        assert_eq!(find(&io::Error::other(LINK_LOCAL)), Some(Cause::Forbidden(LINK_LOCAL)));
    }

    #[rstest]
    #[case::refused(io::Error::from(io::ErrorKind::ConnectionRefused), "connection refused")]
    #[case::reset(io::Error::from(io::ErrorKind::ConnectionReset), "was closed before")]
    #[case::unknown_host(
        io::Error::other(UnknownHost(io::Error::other("no such name"))),
        "cannot be resolved"
    )]
    #[case::tls(io::Error::other(rustls::Error::HandshakeNotComplete), "no trusted TLS connection")]
    fn causes(#[case] error: io::Error, #[case] want: &str) {
        assert!(matches!(find(&error), Some(Cause::Words(words)) if words.contains(want)));
    }

    #[test]
    fn other_causes_are_shown_in_full() {
        let error = io::Error::other("something");
        assert_eq!(find(&error), None);
        assert_eq!(words(&error), "something");
    }
}
