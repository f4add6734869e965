//! How a request proves who asks.

api! {
    /// How to prove who asks: one of the fields.
    pub struct Authentication {
        /// Signs requests as AWS asks for.
        pub sigv4: Sigv4,
        /// Gets a token by OAuth 2 client credentials.
        pub oauth2: OAuth2,
        /// Sends a user name and a password.
        pub basic: Option<BasicAuthentication>,
    }

    /// Signs requests as AWS asks for.
    pub struct Sigv4 {
        /// AWS region.
        pub region: String,
        /// Profile of the shared credentials file.
        pub profile: String,
        /// ARN of the role to take.
        pub role_arn: String,
    }

    /// Gets a token by OAuth 2 client credentials.
    pub struct OAuth2 {
        /// Address that gives tokens.
        pub token_url: String,
        /// Id of the client.
        pub client_id: String,
        /// Secret of the client.
        pub client_secret: String,
        /// Scopes to ask for.
        pub scopes: Vec<String>,
    }

    /// Sends a user name and a password.
    pub struct BasicAuthentication {
        /// The user name.
        pub username: String,
        /// The password; take it from a Secret by an argument.
        pub password: String,
    }
}
