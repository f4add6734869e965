//! What every pod of this node shares.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::Client;

use crate::addresses::Pool;
use crate::credentials::Server;
use crate::discovery::registry::Registry;
use crate::sender::Sender;

/// Choices of the command line.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Name of the Node.
    pub(crate) name: String,
    /// Its `InternalIP`, and `hostIP` of its pods.
    pub(crate) ip: String,
    /// Time that creating a container takes.
    pub(crate) start_delay: Duration,
    /// First back-off of crash loops and image pulls.
    pub(crate) back_off: Duration,
    /// Where logs and pod directories lie.
    pub(crate) dir: PathBuf,
    /// Images that are binaries of this machine.
    pub(crate) binaries: BTreeMap<String, PathBuf>,
}

/// The node.
pub(crate) struct Node {
    pub(crate) options: Options,
    pub(crate) client: Client,
    pub(crate) server: Server,
    pub(crate) sender: Sender,
    pub(crate) registry: Arc<Registry>,
    pub(crate) pool: Mutex<Pool>,
}

impl Node {
    /// The next free pod address.
    pub(crate) fn take_address(&self) -> Option<Ipv4Addr> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Takes an address that a pod has already; false when it cannot be had.
    pub(crate) fn adopt_address(&self, address: Ipv4Addr) -> bool {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).adopt(address)
    }

    /// Gives a pod address back.
    pub(crate) fn free_address(&self, address: Ipv4Addr) {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).free(address);
    }
}
