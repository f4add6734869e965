//! The user's stories on a real control plane, and what they are made of.
