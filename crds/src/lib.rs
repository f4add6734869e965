//! The typed argoproj.io/v1alpha1 API, its schema, and the identity of pod templates.

pub mod object_ref;
