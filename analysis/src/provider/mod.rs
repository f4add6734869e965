//! Metric providers: one file each, as a pure pair of `ask` and `answer`.

mod exchange;

pub use exchange::{Answer, Ask, HttpAsk, HttpMethod, TransportError};
