//! Decides: a snapshot and a time in, a plan out.
