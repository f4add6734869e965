//! A node whose pods answer real HTTP as their spec says.

fn main() {}
