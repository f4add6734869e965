//! The shell: carries the engine's effects to a real cluster and feeds it what comes back.

fn main() {}
