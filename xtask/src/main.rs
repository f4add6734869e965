//! Tasks of the repository: generated files, checks, and the local cluster.

fn main() {}
