//! Why Salesforce refuses a token request, in sentences that say what to do.

use crate::fault::{Fault, FaultKind, Limit, OAuthError};

/// A refused sign-in, known by its `error`, and by a part of its `error_description` in small letters where one error
/// has several causes. An empty text fits every answer, and the first row that fits counts.
struct SignInRefusal {
    error: &'static str,
    description: &'static str,
    kind: FaultKind,
    sentence: &'static str,
}

const fn lasting(error: &'static str, description: &'static str, sentence: &'static str) -> SignInRefusal {
    SignInRefusal { error, description, kind: FaultKind::SignIn, sentence }
}

/// A refusal that has a kind of its own, which says what to do.
const fn temporary(error: &'static str, description: &'static str, kind: FaultKind) -> SignInRefusal {
    SignInRefusal { error, description, kind, sentence: "" }
}

/// Sources: Help, "OAuth 2.0 Authorization Errors", "OAuth 2.0 JWT Bearer Flow" and "OAuth 2.0 Client Credentials
/// Flow". The descriptions are from the answers of orgs.
const REFUSALS: &[SignInRefusal] = &[
    temporary("", "retry your request", FaultKind::Transient),
    temporary("invalid_grant", "already being processed", FaultKind::Transient),
    temporary("", "rate exceeded", FaultKind::LimitReached(Limit::Logins)),
    temporary("rate_limit_exceeded", "", FaultKind::LimitReached(Limit::Logins)),
    lasting(
        "invalid_grant",
        "expired access/refresh token",
        "The refresh_token is expired, revoked, or replaced by a newer one. Connect the Salesforce account again to \
         get a new one. An app keeps five of them for a user: a sixth connection revokes the oldest.",
    ),
    lasting(
        "invalid_grant",
        "not supported on this domain",
        "The org accepts this sign-in only at its own address, as every org does for the flow ClientCredentials. Set \
         domain_url to the My Domain URL of the org, such as https://example.my.salesforce.com.",
    ),
    lasting(
        "invalid_grant",
        "no client credentials user enabled",
        "The app has no user to run as. Choose a \"Run As\" user in the client credentials settings of the app.",
    ),
    lasting(
        "invalid_grant",
        "hasn't approved this consumer",
        "The user has not approved the app. Set its permitted users to \"Admin approved users are pre-authorized\" and \
         assign it to the user's profile or to a permission set.",
    ),
    lasting(
        "invalid_grant",
        "not admin approved",
        "An administrator has not assigned the app to the user. Assign it to the user's profile or to a permission \
         set.",
    ),
    lasting(
        "invalid_grant",
        "audience",
        "The setting is_sandbox does not match the org. Set it for a sandbox, and clear it for production.",
    ),
    lasting(
        "invalid_grant",
        "assertion",
        "Salesforce does not accept the signature. The certificate in the app must be the public half of private_key, \
         and the clock of this machine must be right.",
    ),
    lasting(
        "invalid_grant",
        "ip restricted",
        "The user is not allowed to sign in from this address. Add it to the login IP ranges of the user's profile, or \
         relax the IP restrictions of the app.",
    ),
    lasting(
        "invalid_grant",
        "authentication failure",
        "The username, the password or the security_token is wrong, or the org blocks the username-password flow, as \
         orgs since Summer '23 do (Setup, OAuth and OpenID Connect Settings). The flow JwtBearer or ClientCredentials \
         is the better choice.",
    ),
    lasting(
        "invalid_grant",
        "",
        "Salesforce does not accept the credentials of this flow. Check them, and that the user is active.",
    ),
    lasting(
        "invalid_client_id",
        "",
        "Salesforce does not know the client_id. Copy the consumer key from the app, check is_sandbox and domain_url, \
         and wait ten minutes if the app is new.",
    ),
    lasting(
        "invalid_client",
        "client identifier",
        "Salesforce does not know the client_id. Copy the consumer key from the app, check is_sandbox and domain_url, \
         and wait ten minutes if the app is new.",
    ),
    lasting("invalid_client", "", "The client_secret is wrong. Copy the consumer secret from the app again."),
    lasting(
        "invalid_client_credentials",
        "",
        "The client_secret is wrong. Copy the consumer secret from the app again.",
    ),
    lasting("inactive_user", "", "The Salesforce user is inactive or locked. Have an administrator activate it."),
    lasting("inactive_org", "", "The Salesforce org is locked, closed or suspended. Ask its administrator."),
    lasting(
        "invalid_app_access",
        "",
        "The user is not allowed to use the app. Assign it to the user's profile or a permission set.",
    ),
    lasting(
        "unsupported_grant_type",
        "",
        "The org or the app does not allow this flow. Enable it in the OAuth settings of the app, or choose another \
         auth_type.",
    ),
    lasting(
        "unauthorized_client",
        "",
        "The app is not allowed to use this flow. Enable it in the OAuth settings of the app, or choose another \
         auth_type.",
    ),
    lasting(
        "invalid_request",
        "",
        "Salesforce does not accept the sign-in request. Check that the credentials are those of the chosen auth_type, \
         and that is_sandbox and domain_url name the right org.",
    ),
    lasting("", "", "Salesforce refused the sign-in. Check the credentials and the OAuth settings of the app."),
];

/// The fault of a refusal: the sentence, then Salesforce's own message.
pub(super) fn fault_of(refusal: &OAuthError) -> Fault {
    let description = refusal.description.to_lowercase();
    let fits = |row: &&SignInRefusal| {
        (row.error.is_empty() || row.error == refusal.error) && description.contains(row.description)
    };
    let (kind, sentence) = match REFUSALS.iter().find(fits) {
        Some(row) => (row.kind, row.sentence),
        None => (FaultKind::SignIn, "Salesforce refused the sign-in."),
    };
    let words = match refusal.description.trim() {
        "" => refusal.error.clone(),
        words => format!("{}, {words}", refusal.error),
    };
    match kind {
        FaultKind::SignIn => Fault::new(kind, format!("{sentence} Salesforce said: {words}.")),
        _ => Fault::new(kind, words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_says_what_to_do() {
        let cases = [
            ("invalid_grant", "expired access/refresh token", "Connect the Salesforce account again"),
            ("invalid_grant", "authentication failure", "username-password flow"),
            ("invalid_grant", "authentication failure - Invalid Password", "security_token"),
            ("invalid_grant", "request not supported on this domain", "domain_url"),
            ("invalid_grant", "no client credentials user enabled", "Run As"),
            ("invalid_grant", "user hasn't approved this consumer", "pre-authorized"),
            ("invalid_grant", "user is not admin approved to access this app", "permission set"),
            ("invalid_grant", "Audience validation failed", "is_sandbox"),
            ("invalid_grant", "audience is invalid", "is_sandbox"),
            ("invalid_grant", "invalid assertion", "private_key"),
            ("invalid_grant", "ip restricted", "login IP ranges"),
            ("invalid_grant", "something new", "credentials of this flow"),
            ("invalid_client_id", "client identifier invalid", "ten minutes"),
            ("invalid_client", "client identifier invalid", "client_id"),
            ("invalid_client", "invalid client credentials", "client_secret"),
            ("invalid_client_credentials", "", "client_secret"),
            ("inactive_user", "user is inactive", "activate"),
            ("inactive_org", "", "administrator"),
            ("invalid_app_access", "", "permission set"),
            ("unsupported_grant_type", "grant type not supported", "auth_type"),
            ("unauthorized_client", "", "auth_type"),
            ("invalid_request", "", "auth_type"),
            ("something_new", "with words", "OAuth settings"),
        ];
        for (error, description, remedy) in cases {
            let fault = fault_of(&OAuthError { error: error.into(), description: description.into() });
            assert_eq!(fault.kind(), FaultKind::SignIn, "{error} {description}");
            assert!(fault.message().contains(remedy), "{error} {description}: {}", fault.message());
            assert!(fault.message().contains(error) && fault.message().contains(description));
            assert!(fault.message().ends_with('.'));
        }
    }

    #[test]
    fn a_refusal_ends_with_the_words_of_salesforce() {
        for (error, description, words) in [
            ("inactive_user", "user is inactive", "inactive_user, user is inactive."),
            ("inactive_user", " user is inactive \n", "inactive_user, user is inactive."),
            ("inactive_org", "", "inactive_org."),
            ("inactive_org", "  ", "inactive_org."),
        ] {
            let fault = fault_of(&OAuthError { error: error.into(), description: description.into() });
            let (_, said) = fault.message().split_once(" Salesforce said: ").unwrap();
            assert_eq!(said, words, "{description:?}");
        }
        // Without a sentence the words stand alone.
        let fault = fault_of(&OAuthError { error: "rate_limit_exceeded".into(), description: String::new() });
        assert_eq!(fault.message(), "rate_limit_exceeded");
    }

    #[test]
    fn some_refusals_are_temporary() {
        for (error, description, kind) in [
            ("unknown_error", "retry your request", FaultKind::Transient),
            ("invalid_grant", "token request is already being processed", FaultKind::Transient),
            ("invalid_grant", "login rate exceeded", FaultKind::LimitReached(Limit::Logins)),
            ("rate_limit_exceeded", "", FaultKind::LimitReached(Limit::Logins)),
        ] {
            let fault = fault_of(&OAuthError { error: error.into(), description: description.into() });
            assert_eq!(fault.kind(), kind, "{error} {description}");
        }
    }

    #[test]
    fn every_row_can_be_reached() {
        for (index, row) in REFUSALS.iter().enumerate() {
            let error = if row.error.is_empty() { "some_error" } else { row.error };
            let first = REFUSALS.iter().position(|earlier| {
                (earlier.error.is_empty() || earlier.error == error) && row.description.contains(earlier.description)
            });
            assert_eq!(first, Some(index), "{} {}", row.error, row.description);
        }
    }
}
