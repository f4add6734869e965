//! The stories on a real control plane, in the order of their names: one program, which is linked once.

mod canary;
mod crash;
mod election;
mod helm;
mod hostile;
mod identity;
mod model;
mod quiet;
mod replacement;
mod secret;
mod sequences;
mod verbs;
mod workload;
mod zz_rights;
