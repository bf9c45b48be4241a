//! The two places of the sign-in keys: the object `credentials`, where the form puts them, and the top of the
//! configuration, where configurations without that object have them.

use super::keys::{SignInKeys, non_blank};
use super::violations::Violations;

/// The sign-in keys, each from the place where the user set it.
pub struct Credentials {
    /// The keys.
    pub keys: SignInKeys,
    has_object: bool,
    at_the_top: Vec<&'static str>,
}

impl Credentials {
    /// The path of a sign-in key: where the user set it, or else where it belongs.
    pub fn path(&self, key: &str) -> String {
        if self.has_object && !self.at_the_top.contains(&key) { nested(key) } else { key.to_owned() }
    }
}

/// Joins both places, or adds a violation if there is no key in either. A key may be in either of them; one that is in
/// both must have the same value, because nobody could say which of two accounts the user means.
pub fn join(object: Option<SignInKeys>, top: SignInKeys, violations: &mut Violations) -> Option<Credentials> {
    let has_object = object.is_some();
    if ["credentials", "credentials.auth_type"].iter().any(|key| violations.has(key)) {
        return None;
    }
    if !has_object && says_nothing(&top, violations) {
        violations.add("credentials", "is missing: it says how to sign in to Salesforce");
        return None;
    }
    let object = object.unwrap_or_default();
    // Forms without `credentials` wrote this default at the top, and a form with it does not show it there.
    let top_is_sandbox = top.is_sandbox.filter(|is_sandbox| *is_sandbox || object.is_sandbox.is_none());
    let mut join = Join { at_the_top: Vec::new(), violations };
    let keys = SignInKeys {
        auth_type: join.key("auth_type", object.auth_type, top.auth_type),
        client_id: join.text("client_id", object.client_id, top.client_id),
        client_secret: join.text("client_secret", object.client_secret, top.client_secret),
        refresh_token: join.text("refresh_token", object.refresh_token, top.refresh_token),
        private_key: join.text("private_key", object.private_key, top.private_key),
        username: join.text("username", object.username, top.username),
        // Not trimmed: a password may begin or end with white space.
        password: join.key("password", non_empty(object.password), non_empty(top.password)),
        security_token: join.text("security_token", object.security_token, top.security_token),
        is_sandbox: join.key("is_sandbox", object.is_sandbox, top_is_sandbox),
        domain_url: join.text("domain_url", object.domain_url, top.domain_url),
    };
    Some(Credentials { keys, has_object, at_the_top: join.at_the_top })
}

/// Whether the user typed no key that belongs to an app or a user, not even a wrong one.
fn says_nothing(top: &SignInKeys, violations: &Violations) -> bool {
    let texts = [
        ("client_id", &top.client_id),
        ("client_secret", &top.client_secret),
        ("refresh_token", &top.refresh_token),
        ("private_key", &top.private_key),
        ("username", &top.username),
        ("password", &top.password),
        ("security_token", &top.security_token),
    ];
    let is_typed = |key: &str, is_set: bool| is_set || violations.has(key);
    !is_typed("auth_type", top.auth_type.is_some()) && !texts.iter().any(|(key, text)| is_typed(key, text.is_some()))
}

struct Join<'a> {
    at_the_top: Vec<&'static str>,
    violations: &'a mut Violations,
}

impl Join<'_> {
    fn text(&mut self, key: &'static str, object: Option<String>, top: Option<String>) -> Option<String> {
        self.key(key, non_blank(object), non_blank(top))
    }

    fn key<T: PartialEq>(&mut self, key: &'static str, object: Option<T>, top: Option<T>) -> Option<T> {
        match (object, top) {
            (None, Some(top)) => {
                self.at_the_top.push(key);
                Some(top)
            }
            (Some(object), Some(top)) if object != top => {
                self.violations.add(key, format!("contradicts `{}`: remove one of them", nested(key)));
                Some(object)
            }
            (object, _) => object,
        }
    }
}

fn nested(key: &str) -> String {
    format!("credentials.{key}")
}

fn non_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}
