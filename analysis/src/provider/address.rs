//! Addresses of metric backends.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// An address that requests can be sent to.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// Scheme, host and port, and the path without a slash at its end.
    base: String,
    /// What stood behind the `?`, for every request.
    query: Option<String>,
    /// User and password that stood before the host.
    user: Option<(String, String)>,
}

impl Address {
    /// The address that `text` writes; an `Err` says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text.is_empty() {
            return Err("it is empty");
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err("it holds a blank or a control character");
        }
        let (scheme, rest) = text.split_once("://").ok_or("it needs a scheme, as in http://host:9090")?;
        if !matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") {
            return Err("its scheme must be http or https");
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
        let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
        let (user, host) =
            authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        if !is_host(host) {
            return Err("it needs a host, and a port between 1 and 65535 if any");
        }
        Ok(Self {
            base: format!("{}://{host}{}", scheme.to_ascii_lowercase(), path.trim_end_matches('/')),
            query: query.filter(|query| !query.is_empty()).map(str::to_owned),
            user: user.map(|user| {
                let (name, password) = user.split_once(':').unwrap_or((user, ""));
                (decoded(name), decoded(password))
            }),
        })
    }

    /// The URL of an endpoint below the address, such as `/api/v1/query`.
    pub(super) fn endpoint(&self, path: &str) -> String {
        match &self.query {
            None => format!("{}{path}", self.base),
            Some(query) => format!("{}{path}?{query}", self.base),
        }
    }

    /// The header value that proves who asks, if the address names a user.
    pub(super) fn authorization(&self) -> Option<String> {
        self.user.as_ref().map(|(name, password)| basic(name, password))
    }
}

/// The address without user, password and query, as messages may show it.
pub(super) fn shown(text: &str) -> String {
    let plain = text.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = plain.split_once("://").map_or((None, plain), |(scheme, rest)| (Some(scheme), rest));
    let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let scheme = scheme.map(|scheme| format!("{scheme}://")).unwrap_or_default();
    format!("{scheme}{host}{path}").chars().filter(|c| !c.is_control()).take(200).collect()
}

/// The value of `Authorization` for a user and a password.
pub(super) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// The pairs as the body of a form.
pub(super) fn form(pairs: &[(&str, &str)]) -> String {
    let encoded: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    encoded.join("&")
}

fn escaped(text: &str) -> String {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or('0');
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            other => out.extend(['%', digit(other >> 4), digit(other & 15)]),
        }
    }
    out
}

/// The text without percent escapes; escapes that are none stay.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = bytes.get(at.saturating_add(1)..at.saturating_add(3)).filter(|_| *byte == b'%');
        let escape = code
            .and_then(|code| std::str::from_utf8(code).ok())
            .and_then(|code| u8::from_str_radix(code, 16).ok());
        out.push(escape.unwrap_or(*byte));
        at += if escape.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn is_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, rest)) => (name, rest.strip_prefix(':').or((!rest.is_empty()).then_some("none"))),
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    !name.is_empty() && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("http://prometheus:9090", "http://prometheus:9090/api")]
    #[case::trailing_slash("http://prometheus:9090/", "http://prometheus:9090/api")]
    #[case::path_prefix_is_kept("https://thanos.example/team/a/", "https://thanos.example/team/a/api")]
    #[case::query_is_kept("http://host/x?tenant=1", "http://host/x/api?tenant=1")]
    #[case::fragment_is_dropped("http://host#top", "http://host/api")]
    #[case::ipv6("http://[::1]:9090", "http://[::1]:9090/api")]
    #[case::upper_case_scheme("HTTP://host", "http://host/api")]
    #[case::user_is_no_part_of_the_url("http://me:secret@host:1/p", "http://host:1/p/api")]
    #[case::blanks_around(" http://host ", "http://host/api")]
    fn endpoints(#[case] address: &str, #[case] url: &str) {
        assert_eq!(Address::parse(address).map(|address| address.endpoint("/api")), Ok(url.to_owned()));
    }

    #[rstest]
    #[case::empty("", "empty")]
    #[case::no_scheme("prometheus:9090", "scheme")]
    #[case::file("file:///etc/passwd", "http or https")]
    #[case::no_host("http:///api", "host")]
    #[case::only_a_port("http://:9090", "host")]
    #[case::port_zero("http://host:0", "port")]
    #[case::port_of_words("http://host:http", "port")]
    #[case::line_break("http://host/\r\nX: y", "control")]
    #[case::unresolved_argument("http://{{args.host}} x", "blank")]
    fn refused(#[case] address: &str, #[case] why: &str) {
        let error = Address::parse(address).err().unwrap();
        assert!(error.contains(why), "{error}");
    }

    #[test]
    fn a_user_in_the_address_becomes_a_header() {
        let address = Address::parse("http://me:p%40ss@host").unwrap();
        assert_eq!(address.authorization(), Some(basic("me", "p@ss")));
        assert_eq!(basic("me", "p@ss"), "Basic bWU6cEBzcw==");
    }

    #[rstest]
    #[case::user("http://a:b@host/x@y?c=d#e", "http://host/x@y")]
    #[case::no_scheme("host", "host")]
    #[case::control("http://h\u{1b}[31m", "http://h[31m")]
    fn messages_show_no_secret(#[case] address: &str, #[case] expected: &str) {
        assert_eq!(shown(address), expected);
    }

    #[test]
    fn forms_are_escaped() {
        let body = form(&[("query", "sum(x{a=~\"b|ü\"}) + 1 & 2")]);
        assert_eq!(body, "query=sum%28x%7Ba%3D~%22b%7C%C3%BC%22%7D%29+%2B+1+%26+2");
    }
}
