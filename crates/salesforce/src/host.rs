//! Which URLs may receive credentials.

use url::{Host, Url};

/// The domains that Salesforce serves logins and orgs from.
const DOMAINS: [&str; 4] = ["salesforce.com", "salesforce.mil", "sfcrmproducts.cn", "cloudforce.com"];

const PRODUCTION: &str = "https://login.salesforce.com";
const SANDBOX: &str = "https://test.salesforce.com";

/// The URL of a host that may receive credentials: one of Salesforce's, or the loopback of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginUrl(Url);

impl LoginUrl {
    /// Reads a URL and checks it.
    ///
    /// The check sees the URL as it will be used: the parser has already turned escapes, other scripts and the number
    /// forms of an address into the host that would be called.
    ///
    /// # Errors
    /// The first rule that the URL breaks.
    pub fn parse(text: &str) -> Result<Self, UrlRule> {
        check(text, Allowed::SalesforceOrLoopback).map(Self)
    }

    /// The login host that all production orgs share.
    pub fn production() -> Self {
        Self::shared(PRODUCTION)
    }

    /// The login host that all sandboxes share.
    pub fn sandbox() -> Self {
        Self::shared(SANDBOX)
    }

    #[expect(clippy::expect_used, reason = "a test parses both")]
    fn shared(text: &str) -> Self {
        Self(Url::parse(text).expect("a constant URL"))
    }

    /// The URL.
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// Whether the host is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }

    /// Checks the URL of the instance that a sign-in at this host names. It must be on this machine if the login is,
    /// and a host of Salesforce otherwise.
    ///
    /// # Errors
    /// The first rule that the URL breaks.
    pub(crate) fn check_instance(&self, text: &str) -> Result<Url, UrlRule> {
        check(text, if self.is_loopback() { Allowed::Loopback } else { Allowed::Salesforce })
    }
}

/// The rule that a URL breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlRule {
    /// It has no scheme or no host.
    #[error("it must be a whole URL such as https://example.my.salesforce.com")]
    NotAUrl,
    /// Neither `https`, nor `http` to a loopback address.
    #[error("it must begin with https://")]
    Scheme,
    /// It holds a user name or a password.
    #[error("it must not hold a user name or password")]
    UserInfo,
    /// The host is not one of those allowed.
    #[error("its host must be under salesforce.com, salesforce.mil, sfcrmproducts.cn or cloudforce.com")]
    Host,
    /// The login is on this machine, and the instance is not.
    #[error("its host must be a loopback address, as that of the login is")]
    NotLoopback,
    /// It is `https` and names a port.
    #[error("it must not name a port")]
    Port,
    /// Something follows the host.
    #[error("it must end after the host")]
    Path,
}

/// The hosts that a URL may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Allowed {
    SalesforceOrLoopback,
    Salesforce,
    Loopback,
}

fn check(text: &str, allowed: Allowed) -> Result<Url, UrlRule> {
    let url = Url::parse(text).map_err(|_| UrlRule::NotAUrl)?;
    if url.host().is_none() {
        return Err(if text.contains("://") { UrlRule::Scheme } else { UrlRule::NotAUrl });
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlRule::UserInfo);
    }
    match url.scheme() {
        "https" if allowed == Allowed::Loopback => return Err(UrlRule::NotLoopback),
        "https" if !is_salesforce(&url) => return Err(UrlRule::Host),
        // Salesforce answers on 443 only; another port of its hosts would be someone else's.
        "https" if url.port().is_some() => return Err(UrlRule::Port),
        "http" if allowed != Allowed::Salesforce && is_loopback(&url) => {}
        "http" if allowed == Allowed::Loopback => return Err(UrlRule::NotLoopback),
        "https" => {}
        _ => return Err(UrlRule::Scheme),
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(UrlRule::Path);
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn is_salesforce(url: &Url) -> bool {
    let Some(Host::Domain(name)) = url.host() else { return false };
    DOMAINS.iter().any(|domain| name.strip_suffix(domain).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn salesforce_and_loopback_are_allowed() {
        for (text, used) in [
            ("https://login.salesforce.com", "https://login.salesforce.com/"),
            ("https://test.salesforce.com/", "https://test.salesforce.com/"),
            ("HTTPS://Example.My.Salesforce.Com", "https://example.my.salesforce.com/"),
            ("https://example--uat.sandbox.my.salesforce.com:443", "https://example--uat.sandbox.my.salesforce.com/"),
            ("https://example.my.salesforce.mil", "https://example.my.salesforce.mil/"),
            ("https://example.my.sfcrmproducts.cn", "https://example.my.sfcrmproducts.cn/"),
            ("https://example.cloudforce.com", "https://example.cloudforce.com/"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/"),
            ("http://127.9.8.7", "http://127.9.8.7/"),
            ("http://[::1]:8080/", "http://[::1]:8080/"),
            ("http://localhost:1", "http://localhost:1/"),
            ("http://0x7f.1:80", "http://127.0.0.1/"),
            // The ideographic full stop is a dot to every browser; the host is Salesforce's.
            ("https://login\u{3002}salesforce.com", "https://login.salesforce.com/"),
        ] {
            assert_eq!(LoginUrl::parse(text).map(|url| url.as_url().to_string()), Ok(used.to_owned()), "{text}");
        }
    }

    #[test]
    fn every_other_url_is_refused() {
        for (text, rule) in [
            ("", UrlRule::NotAUrl),
            ("example.my.salesforce.com", UrlRule::NotAUrl),
            ("//login.salesforce.com", UrlRule::NotAUrl),
            ("https://", UrlRule::NotAUrl),
            ("mailto:someone@example.com", UrlRule::NotAUrl),
            ("localhost:8080", UrlRule::NotAUrl),
            ("ftp://login.salesforce.com", UrlRule::Scheme),
            ("file:///etc/hosts", UrlRule::Scheme),
            ("http://login.salesforce.com", UrlRule::Scheme),
            ("http://10.0.0.1", UrlRule::Scheme),
            ("http://0.0.0.0", UrlRule::Scheme),
            ("http://localhost.", UrlRule::Scheme),
            ("http://localhost.example.com", UrlRule::Scheme),
            ("http://sub.localhost", UrlRule::Scheme),
            ("http://127.0.0.1.example.com", UrlRule::Scheme),
            ("http://[::ffff:127.0.0.1]", UrlRule::Scheme),
            ("https://127.0.0.1", UrlRule::Host),
            ("https://localhost", UrlRule::Host),
            ("https://salesforce.com", UrlRule::Host),
            ("https://.salesforce.com", UrlRule::Host),
            ("https://evilsalesforce.com", UrlRule::Host),
            ("https://login.evilsalesforce.com", UrlRule::Host),
            ("https://login.evilcloudforce.com", UrlRule::Host),
            ("https://salesforce.com.evil.example", UrlRule::Host),
            ("https://login.salesforce.com.", UrlRule::Host),
            ("https://login.salesforce.com.evil.example", UrlRule::Host),
            ("https://example.lightning.force.com", UrlRule::Host),
            ("https://login.s\u{0430}lesforce.com", UrlRule::Host),
            ("https://login.salesforce.com%2eevil.example", UrlRule::Host),
            ("https://evil.example/login.salesforce.com", UrlRule::Host),
            ("https://evil.example?.salesforce.com", UrlRule::Host),
            ("https://evil.example#.salesforce.com", UrlRule::Host),
            ("https://evil.example\\.salesforce.com", UrlRule::Host),
            ("https://evil.example\t/.salesforce.com", UrlRule::Host),
            ("https://login.salesforce.com@evil.example", UrlRule::UserInfo),
            ("https://user:word@login.salesforce.com", UrlRule::UserInfo),
            ("https://:word@login.salesforce.com", UrlRule::UserInfo),
            ("http://user@127.0.0.1:8080", UrlRule::UserInfo),
            ("https://login.salesforce.com:8443", UrlRule::Port),
            ("https://login.salesforce.com/services/oauth2/token", UrlRule::Path),
            ("https://login.salesforce.com?x=1", UrlRule::Path),
            ("https://login.salesforce.com/#", UrlRule::Path),
            ("http://127.0.0.1:8080/x", UrlRule::Path),
        ] {
            assert_eq!(LoginUrl::parse(text), Err(rule), "{text:?}");
        }
    }

    #[test]
    fn an_instance_is_where_the_login_was() {
        let (far, near) = ("https://example.my.salesforce.com", "http://127.0.0.1:8080");
        let (salesforce, loopback) = (LoginUrl::parse(far).unwrap(), LoginUrl::parse(near).unwrap());
        for (text, login, refused) in [
            (far, &salesforce, None),
            (near, &salesforce, Some(UrlRule::Scheme)),
            (near, &loopback, None),
            (far, &loopback, Some(UrlRule::NotLoopback)),
            ("http://192.0.2.1", &loopback, Some(UrlRule::NotLoopback)),
            ("http://localhost:1", &loopback, None),
            ("https://evil.example", &salesforce, Some(UrlRule::Host)),
            ("https://example.my.salesforce.com:8443", &salesforce, Some(UrlRule::Port)),
            ("https://example.my.salesforce.com/x", &salesforce, Some(UrlRule::Path)),
            ("https://example.my.salesforce.mil", &salesforce, None),
        ] {
            assert_eq!(login.check_instance(text).err(), refused, "{text} {login:?}");
        }
    }

    #[test]
    fn the_shared_hosts_are_login_urls() {
        for (login, text) in [
            (LoginUrl::production(), "https://login.salesforce.com"),
            (LoginUrl::sandbox(), "https://test.salesforce.com"),
        ] {
            assert_eq!(Ok(login), LoginUrl::parse(text));
        }
    }
}
