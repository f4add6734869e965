//! Arguments of analyses and experiments.

use crate::object_ref::{Kind, ObjectRef};

api! {
    /// An argument of an analysis. It is used as {{args.name}} in the fields of a metric.
    pub struct Argument {
        /// Name of the argument.
        pub name: String,
        /// The value. Without value and valueFrom, whoever starts the analysis must give it.
        pub value: Option<String>,
        /// Where the value comes from.
        pub value_from: Option<ValueFrom>,
    }

    /// Where the value of an argument comes from: one of the fields.
    pub struct ValueFrom {
        /// A key of a Secret in the namespace of the AnalysisRun.
        pub secret_key_ref: Option<SecretKeyRef>,
        /// A field of the object that starts the analysis.
        pub field_ref: Option<FieldRef>,
    }

    /// A key of a Secret.
    pub struct SecretKeyRef {
        /// Name of the Secret.
        pub name: String,
        /// The key.
        pub key: String,
    }

    /// A field of an object.
    pub struct FieldRef {
        /// Path of the field, such as `metadata.labels['env']`.
        pub field_path: String,
    }

    /// Metrics that are measured but never decide.
    pub struct DryRun {
        /// Regular expression for the names of the metrics.
        pub metric_name: String,
    }

    /// How many measurements are kept.
    pub struct MeasurementRetention {
        /// Regular expression for the names of the metrics.
        pub metric_name: String,
        /// How many measurements of each are kept. Defaults to 10.
        pub limit: i32,
    }

    /// A reference to a template.
    pub struct AnalysisTemplateRef {
        /// Name of the template.
        pub template_name: String,
        /// Whether it is a ClusterAnalysisTemplate.
        pub cluster_scope: bool,
    }
}

impl AnalysisTemplateRef {
    /// The object that is meant where the reference stands in an object of `namespace`.
    #[must_use]
    pub fn object(&self, namespace: &str) -> ObjectRef {
        if self.cluster_scope {
            ObjectRef::new(Kind::ClusterAnalysisTemplate, "", &self.template_name)
        } else {
            ObjectRef::new(Kind::AnalysisTemplate, namespace, &self.template_name)
        }
    }
}
