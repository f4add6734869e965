//! Exchanges with real sockets.

use std::net::SocketAddr;

use rstest::rstest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// Serves one connection: reads the request, sends `answer`, closes. Returns what was asked.
async fn backend(answer: &'static [u8]) -> (SocketAddr, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = vec![0; 4096];
        let length = stream.read(&mut asked).await.unwrap();
        stream.write_all(answer).await.unwrap();
        String::from_utf8_lossy(&asked[..length]).into_owned()
    });
    (address, asked)
}

fn ask(url: String) -> HttpAsk {
    HttpAsk {
        method: HttpMethod::Get,
        url,
        headers: vec![
            ("X-Scope-OrgID".to_owned(), "team-a".to_owned()),
            ("Authorization".to_owned(), "Basic dTpw".to_owned()),
        ],
        body: Vec::new(),
        timeout: Duration::from_secs(5),
        max_bytes: 10,
        insecure: false,
    }
}

async fn outcome(ask: HttpAsk) -> Result<Answer, TransportError> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (answers, mut inputs) = mpsc::unbounded_channel();
    Measurer::new(false, answers).unwrap().ask(QuestionId(7), Ask::Http(ask));
    match inputs.recv().await.unwrap() {
        Input::Measured { id: QuestionId(7), outcome } => outcome,
        input => panic!("another input: {input:?}"),
    }
}

/// Asks, and checks the words of the failure.
async fn failed(ask: HttpAsk, want: &str) {
    match outcome(ask).await {
        Err(TransportError::Connection { message }) => assert!(message.contains(want), "{message}"),
        outcome => panic!("another outcome: {outcome:?}"),
    }
}

#[tokio::test]
async fn an_answer_comes_back_with_status_and_type() {
    let (address, asked) =
        backend(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}").await;
    let answer = outcome(ask(format!("http://{address}/api/v1/query?query=up"))).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice(), answer.truncated), (200, b"{}".as_slice(), false));
    assert_eq!(answer.content_type.as_deref(), Some("application/json"));
    let asked = asked.await.unwrap();
    assert!(asked.starts_with("GET /api/v1/query?query=up HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("x-scope-orgid: team-a"), "{asked}");
    assert!(asked.contains("authorization: Basic dTpw"), "{asked}");
}

#[tokio::test]
async fn a_long_answer_is_cut_at_the_limit() {
    let (address, _asked) =
        backend(b"HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\nabcdefghijklmnopqrstuvwxyz").await;
    let answer = outcome(ask(format!("http://{address}/"))).await.unwrap();
    assert_eq!((answer.body.as_slice(), answer.truncated), (b"abcdefghij".as_slice(), true));
}

#[tokio::test]
async fn an_answer_of_exactly_the_limit_is_whole() {
    let (address, _asked) = backend(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcdefghij").await;
    let answer = outcome(ask(format!("http://{address}/"))).await.unwrap();
    assert_eq!((answer.body.len(), answer.truncated), (10, false));
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let (address, _asked) =
        backend(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n")
            .await;
    assert_eq!(outcome(ask(format!("http://{address}/"))).await.unwrap().status, 302);
}

#[tokio::test]
async fn a_connection_that_breaks_off_is_cut() {
    let (address, _asked) = backend(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc").await;
    failed(ask(format!("http://{address}/")), "127.0.0.1: ").await;
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut ask = ask(format!("http://{}/", listener.local_addr().unwrap()));
    ask.timeout = Duration::from_millis(50);
    assert_eq!(outcome(ask).await, Err(TransportError::Timeout { seconds: Duration::from_millis(50) }));
}

#[tokio::test]
async fn a_closed_port_refuses() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    failed(ask(url), "connection refused").await;
}

#[tokio::test]
async fn plain_http_is_no_tls() {
    let (address, _asked) = backend(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    failed(ask(format!("https://{address}/")), "no trusted TLS connection").await;
}

#[rstest]
#[case::dotted("http://169.254.169.254/latest/meta-data/")]
#[case::one_number("http://2852039166/")]
#[case::hexadecimal("http://0xa9.0xfe.0xa9.0xfe/")]
#[case::mapped("http://[::ffff:169.254.169.254]/")]
#[case::link_local_v6("http://[fe80::1]:9090/")]
#[tokio::test]
async fn metadata_services_are_out_of_reach(#[case] url: &str) {
    let failed = outcome(ask(url.to_owned())).await.unwrap_err();
    assert!(matches!(failed, TransportError::Forbidden { .. }), "{failed:?}");
}

#[tokio::test]
async fn an_address_that_is_no_url_is_said_without_it() {
    let failed = outcome(ask("http://user:secret@[/".to_owned())).await.unwrap_err();
    assert!(matches!(&failed, TransportError::Url { message } if !message.contains("secret")), "{failed:?}");
}
