//! What the product does: one file per noun. Services check, call engines, and remember; skins call them.

mod audit;
pub mod chat;
pub mod cluster;
pub mod conversations;
pub mod dashboards;
pub mod databases;
pub mod datasources;
pub mod deployments;
mod edits;
mod encoder;
pub mod examples;
pub mod exports;
pub mod feedback;
pub mod keys;
pub mod metering;
pub mod models;
pub mod quantising;
pub mod questions;
pub mod remembered;
pub mod responses;
pub mod rounds;
pub mod running;
pub mod sql;
mod sweeping;
pub mod tokens;
pub mod uploads;

use tidegate_schema::{Error, Result};

/// Most characters of an id or a name that a caller brings. Longer ones are mistakes, and would be stored, logged and
/// sent to models all the same.
const MOST_ID_CHARS: usize = 255;

/// Refuses an id or a name that is too long to be one, or that PostgreSQL has no place for.
pub(crate) fn check_id(field: &str, text: &str) -> Result<()> {
    if text.contains('\0') || text.chars().nth(MOST_ID_CHARS).is_some() {
        return Err(Error::invalid(
            field,
            format!("must have at most {MOST_ID_CHARS} characters and no NUL among them"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_at_most_255_characters_and_no_nul() {
        assert!(check_id("conv_uid", &"é".repeat(255)).is_ok());
        for bad in ["x".repeat(256), "a\0b".to_owned()] {
            let refused = check_id("conv_uid", &bad).map_err(|error| error.to_string());
            assert!(refused.is_err_and(|text| text.starts_with("conv_uid: ")));
        }
    }
}
