//! A reverse proxy before the API server that counts, delays, drops, cuts and kills at the k-th request.

fn main() {}
