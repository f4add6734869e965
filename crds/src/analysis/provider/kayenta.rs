//! Kayenta, the judge of Spinnaker.

api! {
    /// Asks Kayenta, the judge of Spinnaker.
    pub struct KayentaProvider {
        /// Address of Kayenta.
        pub address: String,
        /// Name of the application.
        pub application: String,
        /// Name of the canary configuration.
        pub canary_config_name: String,
        /// Account for metrics.
        pub metrics_account_name: String,
        /// Account for configurations.
        pub configuration_account_name: String,
        /// Account for storage.
        pub storage_account_name: String,
        /// Which scores are good enough.
        pub threshold: KayentaThreshold,
        /// What is compared.
        pub scopes: Vec<KayentaScope>,
    }

    /// Which scores are good enough, 0 to 100.
    pub struct KayentaThreshold {
        /// From this score on, the measurement is successful.
        pub pass: i64,
        /// From this score on, the measurement is inconclusive; below, it failed.
        pub marginal: i64,
    }

    /// Two versions that are compared.
    pub struct KayentaScope {
        /// Name of the scope.
        pub name: String,
        /// The stable version.
        pub control_scope: KayentaScopeDetail,
        /// The new version.
        pub experiment_scope: KayentaScopeDetail,
    }

    /// One of the two versions.
    pub struct KayentaScopeDetail {
        /// What to look at.
        pub scope: String,
        /// In which region.
        pub region: String,
        /// Seconds between two points.
        pub step: i64,
        /// First moment, RFC 3339.
        pub start: String,
        /// Last moment, RFC 3339.
        pub end: String,
    }
}
