//! What an org is called in a state.

use salesforce::Org;

/// The name of an org in a state.
pub(super) struct OrgName {
    /// The organization id; the address if Salesforce does not name the id.
    pub(super) name: String,
    /// The address, by which older states know the org.
    pub(super) address: String,
}

impl OrgName {
    pub(super) fn of(org: &Org) -> Self {
        let address = org.instance_url().origin().ascii_serialization();
        Self { name: org.organization_id().unwrap_or_else(|| address.clone()), address }
    }
}
