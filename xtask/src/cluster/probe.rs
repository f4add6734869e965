//! How to see that a component is ready.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::process;
use super::state::State;

const LIMIT: Duration = Duration::from_secs(5);

/// A question whose answer says that a component is ready; asked inside the cluster's namespace.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub(crate) enum Probe {
    /// A plain HTTP GET that must answer 200.
    Http {
        /// Address and port.
        address: SocketAddr,
        /// Path and query.
        path: String,
    },
    /// A TLS GET that must answer 200, asked by kubectl as the administrator.
    Https {
        /// Address and port.
        address: SocketAddr,
        /// Path and query.
        path: String,
    },
}

impl Probe {
    /// Whether the component is ready.
    ///
    /// # Errors
    /// Why it is not.
    pub(crate) fn ask(&self, state: &State) -> Result<(), String> {
        match self {
            Self::Http { address, path } => get(*address, path),
            Self::Https { address, path } => {
                let mut kubectl = Command::new(state.path("bin").join("kubectl"));
                // Certificates of their own making: only the API server's is signed by the cluster's authority.
                kubectl.arg("--kubeconfig").arg(state.kubeconfig()).arg("--insecure-skip-tls-verify=true");
                kubectl.arg("--request-timeout=3s").arg(format!("--server=https://{address}"));
                kubectl.args(["get", "--raw", path]);
                process::output(&mut kubectl, LIMIT).map(drop).map_err(|error| format!("{error:#}"))
            }
        }
    }
}

fn get(address: SocketAddr, path: &str) -> Result<(), String> {
    let line = exchange(address, path).map_err(|error| format!("GET http://{address}{path}: {error}"))?;
    if status_code(&line) == Some(200) {
        return Ok(());
    }
    Err(format!("GET http://{address}{path} answered {line:?}"))
}

/// Sends a GET and returns the first line of the answer.
fn exchange(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.write_all(
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut answer = Vec::new();
    stream.take(64 * 1024).read_to_end(&mut answer)?;
    let text = String::from_utf8_lossy(&answer);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn status_code(line: &str) -> Option<u16> {
    line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Answers one connection with `answer` and returns where.
    fn server(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            let _ = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        });
        address
    }

    #[test]
    fn only_200_is_ready() {
        assert_eq!(get(server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), "/ready"), Ok(()));
        let reason = get(server("HTTP/1.1 503 Service Unavailable\r\n\r\n"), "/ready").unwrap_err();
        assert!(reason.ends_with("answered \"HTTP/1.1 503 Service Unavailable\""), "{reason}");
    }

    #[test]
    fn closed_port_is_a_reason_and_no_failure() {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(get(address, "/").unwrap_err().contains("refused"));
    }

    #[test]
    fn answer_that_is_not_http_is_not_ready() {
        assert_eq!(status_code("SSH-2.0"), None);
        assert!(get(server("SSH-2.0\r\n"), "/").is_err());
    }
}
