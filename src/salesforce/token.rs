//! Signing in: the four OAuth 2.0 flows and the access token that they give.

use std::sync::Arc;

use secrecy::SecretString;
use url::Url;

/// Told every refresh token that takes the place of the one before.
pub type OnRotation = Arc<dyn Fn(&SecretString) + Send + Sync>;

/// Where and how to sign in.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// The host of the token endpoint; it has passed [`check_url`](super::host::check_url).
    pub login_url: Url,
    /// The OAuth 2.0 flow with its credentials.
    pub flow: Flow,
}

/// An OAuth 2.0 flow with its credentials.
#[derive(Debug, Clone)]
pub enum Flow {
    /// A refresh token that a user's consent gave.
    RefreshToken {
        /// The consumer key.
        client_id: String,
        /// The consumer secret, unless the app does without.
        client_secret: Option<SecretString>,
        /// The refresh token.
        refresh_token: SecretString,
    },
    /// The app signs in as its "Run As" user.
    ClientCredentials {
        /// The consumer key.
        client_id: String,
        /// The consumer secret.
        client_secret: SecretString,
    },
    /// A signed assertion takes the place of a secret.
    JwtBearer {
        /// The consumer key.
        client_id: String,
        /// The user to sign in as.
        username: String,
        /// `https://login.salesforce.com` or `https://test.salesforce.com`.
        audience: String,
        /// The RSA private key in PEM form.
        private_key: SecretString,
    },
    /// The username-password flow, which Salesforce has deprecated.
    Password {
        /// The consumer key.
        client_id: String,
        /// The consumer secret.
        client_secret: SecretString,
        /// The user to sign in as.
        username: String,
        /// The password with the security token behind it.
        password: SecretString,
    },
}
