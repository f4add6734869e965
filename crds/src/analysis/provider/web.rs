//! An HTTP request as a metric.

use super::Authentication;
use crate::{IntOrString, Opaque};

api! {
    /// Sends an HTTP request.
    pub struct WebProvider {
        /// GET, POST or PUT. Defaults to GET.
        pub method: String,
        /// The address.
        pub url: String,
        /// Headers of the request.
        pub headers: Vec<Header>,
        /// Body of the request, as text.
        pub body: String,
        /// How many seconds an answer may take. Defaults to 10.
        pub timeout_seconds: Option<IntOrString>,
        /// Which part of the answer is the result, as a JSONPath such as {$.data.ok}. Defaults to {$}, all of it.
        pub json_path: String,
        /// Accepts any certificate.
        pub insecure: bool,
        /// Body of the request, as JSON.
        pub json_body: Option<Opaque>,
        /// How to prove who asks.
        pub authentication: Option<Authentication>,
    }

    /// A header of a request.
    pub struct Header {
        /// Its name.
        pub key: String,
        /// Its value.
        pub value: String,
    }
}
