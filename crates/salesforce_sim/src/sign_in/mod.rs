//! Signing in: the token endpoint and the sessions that it hands out.

mod assertion;
mod session;
mod token;

pub(crate) use session::{ORGANIZATION_ID, SignIn};
pub(crate) use token::{revoke, token, user_info};
