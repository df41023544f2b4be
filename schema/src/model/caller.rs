//! Who is asking, and what they may do.

use crate::{Error, Result, ids::KeyId};

/// Acts that a key or the loopback rule can allow or refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// Ask questions, run guarded SQL, read conversations.
    Ask,
    /// Add, change and remove datasources.
    ManageDatasources,
    /// Create and revoke keys.
    ManageKeys,
}

/// Whoever made the call. Every handler has one.
///
/// Identity comes from a key or, where no key exists and the listener is on loopback, from the machine
/// itself. DB-GPT's `user-id` header is only a display name inside those rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The key that was presented, if keys are in use.
    pub key: Option<KeyId>,
    /// Display name; `001` when nothing says otherwise, as DB-GPT has it.
    pub user: String,
    /// Acts this caller may do.
    pub acts: Vec<Act>,
    /// Names of the datasources this caller may use; `None` for all.
    pub datasources: Option<Vec<String>>,
}

impl Caller {
    /// The person at the machine: everything is allowed.
    pub fn local(user: impl Into<String>) -> Self {
        Self {
            key: None,
            user: user.into(),
            acts: vec![Act::Ask, Act::ManageDatasources, Act::ManageKeys],
            datasources: None,
        }
    }

    /// Who the audit log says it was: the key's id, or the display name where no key was used.
    pub fn audit_name(&self) -> String {
        self.key
            .as_ref()
            .map_or_else(|| self.user.clone(), ToString::to_string)
    }

    /// Refuses with [`Error::Forbidden`] unless `act` is allowed.
    pub fn may(&self, act: Act) -> Result<()> {
        if self.acts.contains(&act) {
            return Ok(());
        }
        let what = match act {
            Act::Ask => "ask questions",
            Act::ManageDatasources => "manage datasources",
            Act::ManageKeys => "manage keys",
        };
        Err(Error::Forbidden {
            reason: format!(
                "this key may not {what}; create one that may with `tidegate key create --admin`"
            ),
        })
    }

    /// Refuses with [`Error::Forbidden`] unless the caller may use the datasource.
    pub fn may_use(&self, datasource: &str) -> Result<()> {
        self.may(Act::Ask)?;
        match &self.datasources {
            Some(names) if !names.iter().any(|name| name == datasource) => Err(Error::Forbidden {
                reason: format!("this key has no grant on the datasource '{datasource}'"),
            }),
            _ => Ok(()),
        }
    }

    /// Whether the caller may see a message that was asked of `asked_of`.
    ///
    /// Only database modes ask something today. A mode that asks a knowledge space must tell its names from those
    /// of datasources before it is let in here.
    pub fn may_see(&self, asked_of: Option<&str>) -> bool {
        match (&self.datasources, asked_of) {
            (Some(names), Some(asked)) if !asked.is_empty() => {
                names.iter().any(|name| name == asked)
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_hide_what_was_asked_of_other_datasources_and_nothing_else() {
        let granted = Caller {
            datasources: Some(vec!["shop".to_owned()]),
            ..Caller::local("001")
        };
        assert!(granted.may_see(Some("shop")));
        assert!(granted.may_see(Some("")) && granted.may_see(None));
        assert!(!granted.may_see(Some("payroll")));
        assert!(Caller::local("001").may_see(Some("payroll")));
    }
}
