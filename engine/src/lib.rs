//! Everything between a decision and the API server, without I/O.
//!
//! [`Engine::handle`] takes what happened (a watch event, an answer, a tick, a change of leadership) and the time, and
//! returns what is to be carried out: requests, questions, watches, timers. It holds the stores, the queue with its
//! per-object delays, the ledger of own writes and the guards. The operator and the simulator only carry effects out
//! and feed inputs in, so what the simulator searches is what runs in production.

mod amnesia;
mod analysis_runs;
mod answer;
mod backoff;
mod class;
pub mod clock;
mod decode;
mod diff;
pub mod effect;
pub mod engine;
mod events;
mod eviction;
pub mod explain;
mod flights;
mod gather;
mod guard;
pub mod input;
mod isolation;
mod ledger;
mod live_reads;
mod mistaken;
mod naming;
pub mod object;
mod plan_check;
mod queue;
mod refusal;
mod request;
mod rollouts;
pub mod scrutiny;
mod services;
pub mod settings;
mod status;
mod store;
mod takeover;
mod template;
mod tenure;
#[cfg(test)]
mod testing;
mod time;
mod verdict;
mod watches;

pub use engine::Engine;
pub use settings::Settings;
