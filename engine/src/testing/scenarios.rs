//! Whole stories: the real planner, the real routers, a cluster in memory.

mod abort;
mod adoption;
mod blue_green;
mod faults;
mod limits;
mod live_reads;
mod restart;
mod role_metadata;
mod services;
mod stores;
mod update;
mod verbs;
mod workload;
