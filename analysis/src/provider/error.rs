//! Why a metric has no value.

use super::TransportError;

/// Why a metric could not be asked for or its answer not be understood; each text says what to do.
///
/// No text repeats what the backend sent, save the error text of a metric API: whoever can create an analysis must not
/// be able to read arbitrary answers of the cluster's network in its status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// The metric names no provider.
    #[error("provider: none is set; set provider.prometheus")]
    NoProvider,
    /// The metric names more than one provider.
    #[error("provider: {} are set, but a metric has one provider; split the metric", fields.join(" and "))]
    SeveralProviders {
        /// The fields that are set.
        fields: Vec<&'static str>,
    },
    /// The metric asks for something that this version of Linnet cannot do.
    #[error("{field}: not supported yet by this version; supported: {supported}")]
    NotSupported {
        /// The path of the field, from the metric.
        field: &'static str,
        /// What may be used in its place.
        supported: &'static str,
    },
    /// The address of the backend is nowhere given.
    #[error(
        "provider.prometheus.address: no address is configured; set it, or ARGO_ROLLOUTS_PROMETHEUS_ADDRESS at the \
         operator"
    )]
    NoAddress,
    /// The address of the backend is not one.
    #[error("{field}: {address:?} is no address: {why}")]
    Address {
        /// The path of the field, from the metric, or the variable.
        field: &'static str,
        /// The address, without user and password.
        address: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A field has a value that it cannot have.
    #[error("{field}: {why}")]
    Field {
        /// The path of the field, from the metric.
        field: String,
        /// What is wrong with it, with the value.
        why: String,
    },
    /// There is no answer.
    #[error("asking {address}: {source}")]
    Transport {
        /// The address, without user and password.
        address: String,
        /// Why.
        source: TransportError,
    },
    /// The backend understood the question and answered with an error.
    #[error("{address} answered with HTTP {status} {error_type}: {message}")]
    Rejected {
        /// The address, without user and password.
        address: String,
        /// The HTTP status code.
        status: u16,
        /// The kind of error, such as `bad_data`.
        error_type: String,
        /// The backend's text, cut after 300 characters.
        message: String,
    },
    /// The answer is none of the backend's API.
    #[error("{address} answered with HTTP {status}: {advice}")]
    Status {
        /// The address, without user and password.
        address: String,
        /// The HTTP status code.
        status: u16,
        /// What it means and what to do.
        advice: &'static str,
    },
    /// The answer is longer than is read.
    #[error(
        "{address} answered with more than {limit_bytes} bytes; let the query return fewer series, as in `sum(…)`"
    )]
    TooLarge {
        /// The address, without user and password.
        address: String,
        /// How much is read.
        limit_bytes: usize,
    },
    /// The answer is not what the backend's API sends.
    #[error(
        "{address} answered with {found}; check that the address is that of the API, not of a page or a login"
    )]
    NotTheApi {
        /// The address, without user and password.
        address: String,
        /// What came instead.
        found: String,
    },
    /// The answer has too many numbers.
    #[error("the query returned more than {limit} samples; aggregate it, as in `sum(…)`")]
    TooManySamples {
        /// How many are taken.
        limit: usize,
    },
    /// The answer is of a type that has no number in it.
    #[error("the query returned {found}; {advice}")]
    ResultType {
        /// What it returned.
        found: String,
        /// What to do.
        advice: &'static str,
    },
}
