//! One probe request: a plain HTTP GET or a TCP connection.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::probe::spec::Check;

/// Longest part of an answer that is looked at; the status line fits easily.
const HEAD: usize = 64;

/// Whether the check succeeds against the pod at `address` within `limit`.
pub(crate) async fn succeeds(check: &Check, address: Ipv4Addr, limit: Duration) -> bool {
    let result = match check {
        Check::Nothing => return true,
        Check::UnknownPort => return false,
        Check::Tcp { host, port } => timeout(limit, connect(host.as_deref(), address, *port)).await,
        Check::Http { host, port, path, headers } => {
            let request = head(host.as_deref().unwrap_or(&address.to_string()), *port, path, headers);
            timeout(limit, get(host.as_deref(), address, *port, &request)).await
        }
    };
    matches!(result, Ok(Ok(true)))
}

async fn connect(host: Option<&str>, address: Ipv4Addr, port: u16) -> std::io::Result<bool> {
    open(host, address, port).await.map(|_| true)
}

async fn get(host: Option<&str>, address: Ipv4Addr, port: u16, request: &str) -> std::io::Result<bool> {
    let mut stream = open(host, address, port).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::with_capacity(HEAD);
    let mut reader = stream.take(HEAD as u64);
    while !answer.contains(&b'\n') && reader.read_buf(&mut answer).await? > 0 {}
    Ok(is_success(&answer))
}

async fn open(host: Option<&str>, address: Ipv4Addr, port: u16) -> std::io::Result<TcpStream> {
    match host {
        Some(host) => TcpStream::connect((host, port)).await,
        None => TcpStream::connect((address, port)).await,
    }
}

fn head(host: &str, port: u16, path: &str, headers: &[(String, String)]) -> String {
    let mut text = format!("GET {path} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        // Writing to a String cannot fail.
        let _ = write!(text, "Host: {host}:{port}\r\n");
    }
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    text + "User-Agent: kube-probe/1.36\r\nConnection: close\r\n\r\n"
}

/// Whether an HTTP status line says 200 to 399.
fn is_success(answer: &[u8]) -> bool {
    let line = String::from_utf8_lossy(answer);
    let code =
        line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).and_then(|code| code.parse().ok());
    code.is_some_and(|code: u16| (200..400).contains(&code))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use tokio::net::TcpListener;

    use super::*;

    #[rstest]
    #[case("HTTP/1.1 200 OK\r\n", true)]
    #[case("HTTP/1.0 302 Found\r\n", true)]
    #[case("HTTP/1.1 400 Bad Request\r\n", false)]
    #[case("HTTP/1.1 503 \r\n", false)]
    #[case("HTTP/1.1", false)]
    #[case("SSH-2.0", false)]
    fn the_status_line_decides(#[case] line: &str, #[case] want: bool) {
        assert_eq!(is_success(line.as_bytes()), want);
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_in_time_fails_http_and_passes_tcp() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let limit = Duration::from_millis(200);
        let http = Check::Http { host: None, port, path: "/".to_owned(), headers: vec![] };
        assert!(!succeeds(&http, Ipv4Addr::LOCALHOST, limit).await);
        assert!(succeeds(&Check::Tcp { host: None, port }, Ipv4Addr::LOCALHOST, limit).await);
        drop(listener);
        assert!(!succeeds(&Check::Tcp { host: None, port }, Ipv4Addr::LOCALHOST, limit).await);
    }
}
