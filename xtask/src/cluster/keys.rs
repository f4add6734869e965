//! Keys, certificates, tokens and the kubeconfig of a cluster.

use std::fs::{self, File, Permissions};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::namespace::NODE_ADDRESS;
use super::process;
use super::state::{self, State};

/// Where the API server listens, as the administrator's kubeconfig names it.
pub(crate) const API_SERVER: &str = "https://127.0.0.1:6443";

const LIMIT: Duration = Duration::from_mins(1);

/// Names by which a client may call the API server and verify that it is the one.
const SERVING_NAMES: &str = "subjectAltName=IP:127.0.0.1,IP:NODE,IP:10.96.0.1,DNS:localhost,DNS:kubernetes,\
    DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local";

/// Makes everything that the control plane needs to know itself and its administrator.
///
/// # Errors
/// When openssl is missing or refuses, or a file cannot be written.
pub(crate) fn create(state: &State) -> Result<()> {
    fs::create_dir_all(state.path("pki"))?;
    certificates(state)?;
    openssl(&["genrsa", "-out", &state.text("pki/sa.key"), "2048"])?;
    openssl(&["rsa", "-in", &state.text("pki/sa.key"), "-pubout", "-out", &state.text("pki/sa.pub")])?;
    let token = random_token()?;
    state::write(&state.path("pki/tokens.csv"), &format!("{token},admin,1,\"system:masters\"\n"))?;
    kubeconfig(state, &token)
}

fn certificates(state: &State) -> Result<()> {
    let (ca_key, ca) = (state.text("pki/ca.key"), state.text("pki/ca.crt"));
    let new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let mut authority = vec!["req", "-x509", "-days", "3650", "-subj", "/CN=linnet-cluster-ca"];
    authority.extend(new_key);
    authority.extend(["-keyout", &ca_key, "-out", &ca, "-addext", "keyUsage=critical,keyCertSign,cRLSign"]);
    openssl(&authority)?;

    let (key, request) = (state.text("pki/apiserver.key"), state.text("pki/apiserver.csr"));
    let mut ask = vec!["req", "-subj", "/CN=kube-apiserver"];
    ask.extend(new_key);
    ask.extend(["-keyout", &key, "-out", &request]);
    openssl(&ask)?;

    let extensions = state.text("pki/apiserver.ext");
    let names = SERVING_NAMES.replace("NODE", NODE_ADDRESS);
    state::write(&state.path("pki/apiserver.ext"), &format!("{names}\nextendedKeyUsage=serverAuth\n"))?;
    let certificate = state.text("pki/apiserver.crt");
    let mut sign = vec!["x509", "-req", "-days", "3650", "-in", &request, "-CA", &ca, "-CAkey", &ca_key];
    sign.extend(["-CAcreateserial", "-extfile", &extensions, "-out", &certificate]);
    openssl(&sign)
}

/// Writes the kubeconfig as JSON, which is YAML too.
fn kubeconfig(state: &State, token: &str) -> Result<()> {
    let encode = ["base64", "-A", "-in", &state.text("pki/ca.crt")].map(str::to_owned);
    let authority = process::output(Command::new("openssl").args(encode), LIMIT)?;
    let name = state.name().to_string();
    let content = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {
            "server": API_SERVER, "certificate-authority-data": authority.trim() }}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": "admin"}}],
        "current-context": name,
    });
    state::write_json(&state.kubeconfig(), &content)?;
    // helm warns of a kubeconfig that others may read.
    fs::set_permissions(state.kubeconfig(), Permissions::from_mode(0o600))
        .context("cannot protect the kubeconfig")
}

fn openssl(arguments: &[&str]) -> Result<()> {
    process::output(Command::new("openssl").args(arguments), LIMIT).map(drop)
}

/// 128 random bits as text.
///
/// # Errors
/// When the system has no source of randomness.
pub(crate) fn random_token() -> Result<String> {
    let mut bytes = [0_u8; 16];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .context("cannot read /dev/urandom")?;
    Ok(hex(&bytes))
}

/// Bytes as lower-case hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_keeps_leading_zeros() {
        assert_eq!(hex(&[0, 10, 255]), "000aff");
    }

    #[test]
    fn tokens_differ() {
        assert_ne!(random_token().unwrap(), random_token().unwrap());
    }
}
