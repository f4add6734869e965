//! kubectl linnet: see, steer and explain rollouts from the command line.

fn main() {}
