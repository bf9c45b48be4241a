//! The form of a token request.

use secrecy::{ExposeSecret, SecretString};

use super::{OAuthFlow, jwt};
use crate::fault::Fault;

/// The fields of the token request (Help, "OAuth Authorization Flows"). They are secrets, so they are never logged.
/// `refresh_token` is one that took the place of the flow's own; `now` is in seconds since 1970.
pub(super) fn form(
    flow: &OAuthFlow,
    refresh_token: Option<&SecretString>,
    now: i64,
) -> Result<Vec<(&'static str, String)>, Fault> {
    let fields = match flow {
        OAuthFlow::RefreshToken { client_id, client_secret, refresh_token: first } => {
            let newest = refresh_token.unwrap_or(first).expose_secret();
            let mut fields =
                vec![("grant_type", "refresh_token".into()), ("refresh_token", newest.into()), id(client_id)];
            fields.extend(client_secret.as_ref().map(secret));
            fields
        }
        OAuthFlow::ClientCredentials { client_id, client_secret } => {
            vec![("grant_type", "client_credentials".into()), id(client_id), secret(client_secret)]
        }
        OAuthFlow::JwtBearer { client_id, username, audience, private_key } => {
            let assertion = jwt::sign(client_id, username, audience, private_key, now)?;
            vec![("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer".into()), ("assertion", assertion)]
        }
        OAuthFlow::Password { client_id, client_secret, username, password } => vec![
            ("grant_type", "password".into()),
            id(client_id),
            secret(client_secret),
            ("username", username.clone()),
            ("password", password.expose_secret().into()),
        ],
    };
    Ok(fields)
}

fn id(client_id: &str) -> (&'static str, String) {
    ("client_id", client_id.to_owned())
}

fn secret(client_secret: &SecretString) -> (&'static str, String) {
    ("client_secret", client_secret.expose_secret().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::PrivateKey;

    fn fields(flow: &OAuthFlow, newest: Option<&str>) -> Vec<(&'static str, String)> {
        form(flow, newest.map(SecretString::from).as_ref(), 0).unwrap()
    }

    #[test]
    fn each_flow_sends_its_own_fields() {
        let cases = [
            (
                OAuthFlow::RefreshToken {
                    client_id: "k".into(),
                    client_secret: Some("s".into()),
                    refresh_token: "first".into(),
                },
                "grant_type=refresh_token refresh_token=newest client_id=k client_secret=s",
            ),
            (
                OAuthFlow::RefreshToken { client_id: "k".into(), client_secret: None, refresh_token: "first".into() },
                "grant_type=refresh_token refresh_token=newest client_id=k",
            ),
            (
                OAuthFlow::ClientCredentials { client_id: "k".into(), client_secret: "s".into() },
                "grant_type=client_credentials client_id=k client_secret=s",
            ),
            (
                OAuthFlow::Password {
                    client_id: "k".into(),
                    client_secret: "s".into(),
                    username: "loader@example.com".into(),
                    password: "p&w".into(),
                },
                "grant_type=password client_id=k client_secret=s username=loader@example.com password=p&w",
            ),
        ];
        for (flow, expected) in cases {
            let sent: Vec<String> =
                fields(&flow, Some("newest")).iter().map(|(key, value)| format!("{key}={value}")).collect();
            assert_eq!(sent.join(" "), expected);
        }
    }

    #[test]
    fn the_first_refresh_token_is_used_until_there_is_a_newer_one() {
        let flow =
            OAuthFlow::RefreshToken { client_id: "k".into(), client_secret: None, refresh_token: "first".into() };
        assert_eq!(fields(&flow, None)[1], ("refresh_token", "first".to_owned()));
    }

    #[test]
    fn the_assertion_takes_the_place_of_a_secret() {
        let (pem, _) = crate::token::private_key::tests::new_key();
        let flow = OAuthFlow::JwtBearer {
            client_id: "k".into(),
            username: "loader@example.com".into(),
            audience: "https://login.salesforce.com".into(),
            private_key: PrivateKey::from_pem(&pem).unwrap(),
        };
        let fields = fields(&flow, None);
        let keys: Vec<&str> = fields.iter().map(|(key, _)| *key).collect();
        assert_eq!(keys, ["grant_type", "assertion"]);
        assert_eq!(fields[0].1, "urn:ietf:params:oauth:grant-type:jwt-bearer");
        assert_eq!(fields[1].1.split('.').count(), 3);
    }
}
