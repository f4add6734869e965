//! Everything between a decision and the API server, without I/O.
//!
//! [`Engine::handle`](engine::Engine::handle) takes what happened (a watch event, an answer, a tick, a change of
//! leadership) and the time, and returns what is to be carried out: requests, questions, watches, timers. It holds
//! the stores, the queue with its per-object delays, the ledger of own writes and the guards. The operator and the
//! simulator only carry effects out and feed inputs in, so what the simulator searches is what runs in production.

pub mod effect;
pub mod input;
pub mod object;
