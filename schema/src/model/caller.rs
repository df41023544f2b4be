//! Who is asking, and what they may do.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Grant, KeyLimits, Message, Role, owned_by};
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
    /// What that key is called; empty where none was presented.
    pub key_name: String,
    /// How much that key may use.
    pub limits: KeyLimits,
    /// Display name; `001` when nothing says otherwise, as DB-GPT has it.
    pub user: String,
    /// Acts this caller may do.
    pub acts: Vec<Act>,
    /// What this caller may use; `None` for every datasource and table.
    pub grants: Option<Vec<Grant>>,
    /// Whether it is the person at the machine, who needs no grant to change rows.
    pub local: bool,
}

/// Under which name the tables stand that a question was asked within.
const ASKED_WITHIN: &str = "asked_within";

/// The tables of a datasource on which there is no grant.
static NO_TABLES: BTreeSet<String> = BTreeSet::new();

impl Caller {
    /// The person at the machine: everything is allowed.
    pub fn local(user: impl Into<String>) -> Self {
        Self {
            local: true,
            ..Self::open(user)
        }
    }

    /// Whoever calls a server that is open to all: everything but changing rows.
    pub fn open(user: impl Into<String>) -> Self {
        Self {
            key: None,
            key_name: String::new(),
            limits: KeyLimits::default(),
            user: user.into(),
            acts: vec![Act::Ask, Act::ManageDatasources, Act::ManageKeys],
            grants: None,
            local: false,
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
        if self.grants.is_none() || self.grant(datasource).is_some() {
            return Ok(());
        }
        Err(Error::Forbidden {
            reason: format!("this key has no grant on the datasource '{datasource}'"),
        })
    }

    /// The tables of a datasource that the caller may use, as the catalogue names them; `None` for all.
    pub fn tables_of(&self, datasource: &str) -> Option<&BTreeSet<String>> {
        self.grants.as_ref()?;
        match self.grant(datasource) {
            Some(grant) => grant.tables.as_ref(),
            None => Some(&NO_TABLES),
        }
    }

    /// Whether the caller may change rows of a datasource, where the datasource lets anybody.
    pub fn may_write(&self, datasource: &str) -> bool {
        match &self.grants {
            Some(_) => self.grant(datasource).is_some_and(|grant| grant.write),
            None => self.local,
        }
    }

    /// Names of the datasources this caller may use; `None` for all.
    pub fn datasources(&self) -> Option<Vec<String>> {
        let names = |grants: &Vec<Grant>| {
            grants
                .iter()
                .map(|grant| grant.datasource.clone())
                .collect()
        };
        self.grants.as_ref().map(names)
    }

    /// Whether the caller may see a message that was asked of `asked_of`, as far as the datasource goes.
    ///
    /// Only database modes ask something today. A mode that asks a knowledge space must tell its names from those
    /// of datasources before it is let in here.
    pub fn may_see(&self, asked_of: Option<&str>) -> bool {
        match asked_of {
            Some(asked) if !asked.is_empty() => {
                self.grants.is_none() || self.grant(asked).is_some() || self.sent(asked)
            }
            _ => true,
        }
    }

    /// Whether some tables of some datasource are granted and others are not, so that what may be seen of a
    /// conversation is told by its messages alone.
    pub fn is_limited_to_tables(&self) -> bool {
        let mut grants = self.grants.iter().flatten();
        grants.any(|grant| grant.tables.is_some())
    }

    /// What is kept with a question to a datasource of which the caller may use some tables alone: which ones, so that
    /// the question is seen by whoever may use as many, answered or not.
    pub fn asks_within(&self, datasource: &str) -> Option<Value> {
        self.tables_of(datasource)
            .map(|tables| json!({ASKED_WITHIN: tables}))
    }

    /// Whether the caller may see all of these messages of one conversation.
    ///
    /// Where some tables of a datasource are granted and others are not, a round is seen if its answer's evidence names
    /// granted tables alone: another key may have asked more. A round without such an answer, that was cut or is being
    /// answered, is seen if it was asked within no more tables.
    pub fn may_see_all(&self, messages: &[Message]) -> bool {
        messages.iter().all(|message| {
            let asked_of = message.detail.select_param.as_deref();
            if !self.may_see(asked_of) {
                return false;
            }
            let granted = asked_of
                .filter(|name| !name.is_empty() && !self.sent(name))
                .and_then(|name| self.tables_of(name));
            let Some(granted) = granted else {
                return true;
            };
            let said = |role: Role| {
                messages
                    .iter()
                    .find(|other| other.round == message.round && other.role == role)
                    .and_then(|other| other.detail.evidence.as_ref())
            };
            match (said(Role::View), said(Role::Human)) {
                (Some(answer), _) => names_only(&answer["evidence"], granted),
                (None, Some(asked)) => asked_within(asked, granted),
                (None, None) => false,
            }
        })
    }

    /// Whether what was asked is a file that this caller sent.
    fn sent(&self, asked: &str) -> bool {
        asked.starts_with(&owned_by(&self.audit_name()))
    }

    fn grant(&self, datasource: &str) -> Option<&Grant> {
        self.grants
            .as_ref()?
            .iter()
            .find(|grant| grant.datasource == datasource)
    }
}

/// Whether the tables that were shown to the model and those that were read are all among the granted ones.
fn names_only(evidence: &Value, granted: &BTreeSet<String>) -> bool {
    let granted: BTreeSet<String> = granted.iter().map(|name| plain(name)).collect();
    if !evidence.is_object() {
        return false;
    }
    let verdict = &evidence["verdict"];
    // What was refused was not read, and whoever may ask may be told so.
    let read = if verdict["allowed"] == true {
        names(&verdict["tables"])
    } else {
        Vec::new()
    };
    names(&evidence["tables_shown"])
        .into_iter()
        .chain(read)
        .all(|name| granted.contains(&name))
}

/// Whether a question was asked within tables that are all among the granted ones.
fn asked_within(asked: &Value, granted: &BTreeSet<String>) -> bool {
    let tables = &asked[ASKED_WITHIN];
    let granted: BTreeSet<String> = granted.iter().map(|name| plain(name)).collect();
    tables.is_array() && names(tables).iter().all(|name| granted.contains(name))
}

/// The names in a list, as they are compared.
fn names(list: &Value) -> Vec<String> {
    let texts = list.as_array().into_iter().flatten();
    texts.filter_map(|name| name.as_str().map(plain)).collect()
}

/// A table's name without its quotes, its case and its engine's default schema: a statement spells it as it likes.
fn plain(name: &str) -> String {
    let mut name = name.to_lowercase();
    name.retain(|sign| !matches!(sign, '"' | '`' | '[' | ']'));
    for schema in ["public.", "main.", "dbo."] {
        if let Some(rest) = name.strip_prefix(schema) {
            return rest.to_owned();
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::model::MessageDetail;

    fn keyed(grants: Vec<Grant>) -> Caller {
        Caller {
            key: Some("k".into()),
            grants: Some(grants),
            ..Caller::open("001")
        }
    }

    fn on(datasource: &str, tables: &[&str], write: bool) -> Grant {
        Grant {
            tables: Some(tables.iter().map(|&name| name.to_owned()).collect()),
            write,
            ..Grant::reading(datasource)
        }
    }

    #[test]
    fn grants_hide_what_was_asked_of_other_datasources_and_nothing_else() {
        let granted = keyed(vec![Grant::reading("shop")]);
        assert!(granted.may_see(Some("shop")));
        assert!(granted.may_see(Some("")) && granted.may_see(None));
        assert!(!granted.may_see(Some("payroll")));
        assert!(Caller::local("001").may_see(Some("payroll")));
        assert_eq!(granted.datasources(), Some(vec!["shop".to_owned()]));
        assert_eq!(Caller::local("001").datasources(), None);
    }

    #[test]
    fn without_a_grant_on_a_datasource_none_of_its_tables_may_be_used() {
        let caller = keyed(vec![
            Grant::reading("shop"),
            on("payroll", &["people"], false),
        ]);
        assert_eq!(caller.tables_of("shop"), None);
        let tables = caller.tables_of("payroll").expect("a list");
        assert!(tables.contains("people") && tables.len() == 1);
        assert!(caller.tables_of("secret").is_some_and(BTreeSet::is_empty));
        assert_eq!(Caller::local("001").tables_of("secret"), None);
        assert!(caller.may_use("payroll").is_ok() && caller.may_use("secret").is_err());
    }

    #[test]
    fn only_the_person_at_the_machine_and_a_writing_grant_may_change_rows() {
        assert!(Caller::local("001").may_write("shop"));
        assert!(!Caller::open("001").may_write("shop"));
        let every_table = Caller {
            key: Some("k".into()),
            ..Caller::open("001")
        };
        assert!(!every_table.may_write("shop"));
        let caller = keyed(vec![on("shop", &["orders"], true), Grant::reading("other")]);
        assert!(caller.may_write("shop"));
        assert!(!caller.may_write("other") && !caller.may_write("secret"));
        let narrowed = Caller {
            grants: Some(vec![Grant::reading("shop")]),
            ..Caller::local("001")
        };
        assert!(!narrowed.may_write("shop"), "a grant says all there is");
    }

    fn message(role: Role, round: i32, evidence: Option<serde_json::Value>) -> Message {
        Message {
            id: "m".into(),
            conversation: "c".into(),
            index: 0,
            round,
            role,
            content: String::new(),
            detail: MessageDetail {
                select_param: Some("shop".to_owned()),
                evidence: evidence.map(|evidence| json!({"evidence": evidence})),
                ..MessageDetail::default()
            },
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    fn turn(evidence: serde_json::Value) -> Vec<Message> {
        vec![
            message(Role::Human, 1, None),
            message(Role::Ai, 1, None),
            message(Role::View, 1, Some(evidence)),
        ]
    }

    #[test]
    fn an_answer_from_tables_beyond_a_grant_is_not_seen() {
        let caller = keyed(vec![on("shop", &["Orders", "sales.items"], false)]);
        let read = |tables: serde_json::Value, shown: serde_json::Value| {
            turn(json!({"tables_shown": shown, "verdict": {"allowed": true, "tables": tables}}))
        };
        let own = read(json!(["\"orders\"", "public.ORDERS"]), json!(["Orders"]));
        assert!(caller.may_see_all(&own));
        assert!(caller.may_see_all(&read(json!(["[sales].[items]"]), json!(["sales.items"]))));
        assert!(!caller.may_see_all(&read(json!(["people"]), json!(["Orders"]))));
        assert!(!caller.may_see_all(&read(json!(["items"]), json!([]))));
        assert!(!caller.may_see_all(&read(json!([]), json!(["Orders", "people"]))));
        let refused = json!({"tables_shown": ["Orders"], "verdict": {"allowed": false, "tables": ["people"]}});
        assert!(caller.may_see_all(&turn(refused)));
        let everything = keyed(vec![Grant::reading("shop")]);
        assert!(everything.may_see_all(&read(json!(["people"]), json!(["people"]))));
    }

    #[test]
    fn a_round_without_an_answer_is_seen_by_whoever_may_use_the_tables_it_was_asked_within() {
        let caller = keyed(vec![on("shop", &["orders", "sales.items"], false)]);
        let asked = |asker: &Caller| {
            let mut asked = message(Role::Human, 1, None);
            asked.detail.evidence = asker.asks_within("shop");
            asked
        };
        let everything = keyed(vec![Grant::reading("shop")]);
        let narrower = keyed(vec![on("shop", &["Orders"], false)]);
        let wider = keyed(vec![on("shop", &["orders", "people"], false)]);
        for (asker, seen) in [
            (&caller, true),
            (&narrower, true),
            (&wider, false),
            (&everything, false),
            (&Caller::local("001"), false),
        ] {
            let alone = [asked(asker)];
            assert_eq!(caller.may_see_all(&alone), seen, "{asker:?}");
            let cut = [asked(asker), message(Role::Ai, 1, None)];
            assert_eq!(caller.may_see_all(&cut), seen, "{asker:?}");
            assert!(everything.may_see_all(&cut));
        }
        // What was answered is told by the answer, whoever asked.
        let mut answered = turn(json!({"tables_shown": ["people"]}));
        answered[0] = asked(&caller);
        assert!(!caller.may_see_all(&answered));
    }

    #[test]
    fn only_a_grant_on_tables_limits_to_tables() {
        assert!(!Caller::local("001").is_limited_to_tables());
        assert!(!keyed(vec![Grant::reading("shop")]).is_limited_to_tables());
        assert!(keyed(vec![Grant::reading("a"), on("shop", &[], false)]).is_limited_to_tables());
        assert_eq!(Caller::local("001").asks_within("shop"), None);
    }
}
