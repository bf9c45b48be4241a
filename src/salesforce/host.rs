//! Which URLs may be given credentials.

use url::Url;

/// Which hosts a URL may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Salesforce, or the loopback of this machine.
    SalesforceOrLoopback,
    /// Salesforce alone.
    Salesforce,
    /// The loopback of this machine alone.
    Loopback,
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
    /// A user name or password stands in it.
    #[error("it must not hold a user name or password")]
    UserInfo,
    /// The host is not Salesforce's.
    #[error("its host must be under salesforce.com, salesforce.mil, sfcrmproducts.cn or cloudforce.com")]
    Host,
    /// `https` on a port of its own.
    #[error("it must not name a port")]
    Port,
    /// Something follows the host.
    #[error("it must end after the host")]
    Path,
}

/// Reads the URL of a login host or of an instance, and refuses one that must not see credentials.
pub fn check_url(text: &str, reach: Reach) -> Result<Url, UrlRule> {
    let _ = (text, reach);
    unimplemented!()
}

/// Whether the URL leads to this machine itself.
pub fn is_loopback(url: &Url) -> bool {
    let _ = url;
    unimplemented!()
}
