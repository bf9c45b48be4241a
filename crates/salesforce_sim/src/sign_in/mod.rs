//! The calls below `/services/oauth2/`.

mod assertion;
mod calls;
mod token_error;

pub(crate) use calls::{revoke, token, user_info};
