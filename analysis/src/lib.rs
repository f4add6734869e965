//! Judging a version: the condition language and the metric providers, as pure functions.
