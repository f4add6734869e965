//! The command line.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, anyhow};
use clap::Parser;

use crate::addresses::Cidr;
use crate::duration;

/// A node whose pods answer real HTTP as their spec says.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// Kubeconfig of an administrator.
    #[arg(long)]
    pub(crate) kubeconfig: PathBuf,
    /// Name of the Node.
    #[arg(long, default_value = "node-1")]
    pub(crate) node_name: String,
    /// Address that the Node reports as its own.
    #[arg(long, default_value = "192.0.2.1")]
    pub(crate) node_ip: String,
    /// Network that pod addresses come from; all of it must be local to this machine.
    #[arg(long, default_value = "10.244.0.0/20")]
    pub(crate) pod_cidr: Cidr,
    /// Where `/sd` (Prometheus `http_sd`), `/pods` and `/healthz` are served.
    #[arg(long, default_value = "127.0.0.1:9110")]
    pub(crate) sd_listen: SocketAddr,
    /// Image that is a binary of this machine, as NAME=/path; may be repeated.
    #[arg(long = "image", value_name = "NAME=PATH", value_parser = image)]
    pub(crate) images: Vec<(String, PathBuf)>,
    /// Directory for the output of processes (`NAMESPACE_POD_CONTAINER.log`) and their files.
    #[arg(long)]
    pub(crate) log_dir: Option<PathBuf>,
    /// API server (host:port) that processes are pointed to; the kubeconfig's own by default.
    #[arg(long)]
    pub(crate) apiserver: Option<String>,
    /// Certificate authority (PEM) that processes trust beside the kubeconfig's.
    #[arg(long)]
    pub(crate) extra_ca: Option<PathBuf>,
    /// Time that creating a container takes.
    #[arg(long, default_value = "50ms", value_parser = duration::parse)]
    pub(crate) start_delay: Duration,
    /// First back-off of crash loops and of image pulls; doubles up to thirty times itself.
    #[arg(long, default_value = "10s", value_parser = duration::parse)]
    pub(crate) back_off: Duration,
}

impl Args {
    /// The images by name; of two with one name the later counts.
    pub(crate) fn binaries(&self) -> BTreeMap<String, PathBuf> {
        self.images.iter().cloned().collect()
    }

    /// The directory for logs and files.
    pub(crate) fn dir(&self) -> PathBuf {
        self.log_dir
            .clone()
            .unwrap_or_else(|| std::env::temp_dir().join(format!("e2e-node-{}", self.node_name)))
    }
}

fn image(text: &str) -> Result<(String, PathBuf)> {
    let (name, path) = text
        .split_once('=')
        .filter(|(name, path)| !name.is_empty() && path.starts_with('/'))
        .ok_or_else(|| anyhow!("{text:?} is not of the form NAME=/path"))?;
    Ok((name.to_owned(), PathBuf::from(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_read() {
        let args = Args::try_parse_from([
            "e2e-node",
            "--kubeconfig",
            "/k",
            "--node-name",
            "n1",
            "--pod-cidr",
            "10.244.0.0/16",
            "--sd-listen",
            "127.0.0.1:9110",
            "--image",
            "linnet=/bin/linnet",
            "--image",
            "a/b=/bin/b",
            "--back-off",
            "500ms",
        ])
        .unwrap();
        assert_eq!(args.binaries().get("a/b"), Some(&PathBuf::from("/bin/b")));
        assert_eq!(args.back_off, Duration::from_millis(500));
        assert!(args.dir().ends_with("e2e-node-n1"));
    }

    #[test]
    fn an_image_without_a_path_is_refused() {
        let result = Args::try_parse_from(["e2e-node", "--kubeconfig", "/k", "--image", "linnet"]);
        assert!(result.unwrap_err().to_string().contains("NAME=/path"));
    }
}
