//! What a kubelet would say about a pod: pure, from events to status.

mod adopt;
pub(crate) mod exit;
pub(crate) mod phase;
pub(crate) mod restart;
pub(crate) mod state;
pub(crate) mod status;
