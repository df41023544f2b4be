//! Where a test's store is.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{Connection as _, SqliteConnection, connection::SimpleConnection as _};
use tempfile::TempDir;
use tidegate_schema::{
    Result,
    ids::ConversationId,
    model::{BegunTurn, MessageDetail, NewMessage, Role, TurnHead},
    store::{Sealer, Store, StoreUrl},
    testing::{PostgresServer, TestDatabase},
};

/// A database and the key that goes with it.
pub(crate) enum Place {
    Sqlite(TempDir),
    Postgres(TestDatabase),
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    pub(crate) async fn postgres() -> Self {
        Self::Postgres(PostgresServer::shared().unwrap().database().await.unwrap())
    }

    pub(crate) fn address(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite:{}", folder.path().join("own.db").display()),
            Self::Postgres(database) => database.url(),
        }
    }

    pub(crate) fn url(&self) -> StoreUrl {
        StoreUrl::parse(&self.address()).unwrap()
    }

    pub(crate) async fn try_open(&self, key: [u8; 32]) -> Result<Store> {
        Store::open(&self.url(), Sealer::from_bytes(&key)).await
    }

    pub(crate) async fn open(&self) -> Store {
        self.try_open([7; 32]).await.unwrap()
    }

    /// Runs statements behind the store's back.
    pub(crate) async fn execute(&self, statements: &str) {
        match self {
            Self::Sqlite(_) => {
                let url = self.url();
                let mut conn =
                    SqliteConnection::establish(url.sqlite_path().unwrap().to_str().unwrap())
                        .unwrap();
                conn.batch_execute(statements).unwrap();
            }
            Self::Postgres(database) => database.execute(statements).await.unwrap(),
        }
    }
}

/// One test per backend of each function named.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name($crate::place::Place::sqlite()).await;
            })+
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name($crate::place::Place::postgres().await).await;
            })+
        }
    };
}
pub(crate) use on_both;

/// A fixed time, so many seconds on, with more digits than are stored.
pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 123_456_789).unwrap() + TimeDelta::seconds(seconds)
}

/// [`at`] as it comes back.
pub(crate) fn kept(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 123_456_000).unwrap() + TimeDelta::seconds(seconds)
}

pub(crate) fn head(conversation: &str) -> TurnHead {
    TurnHead {
        conversation: conversation.into(),
        mode: "chat_with_db_execute".into(),
        user: Some("anna".into()),
        sys_code: Some("tide".into()),
        app_code: Some("app".into()),
        model: Some("tidegate-sql".into()),
        select_param: Some("shop".into()),
    }
}

pub(crate) fn message(role: Role, content: &str) -> NewMessage {
    NewMessage {
        role,
        content: content.into(),
        detail: MessageDetail::default(),
    }
}

/// The turn of a round, by its stored question; one that was never begun if there is none.
pub(crate) async fn turn_of(store: &Store, id: &ConversationId, round: i32) -> BegunTurn {
    let question = store
        .list_messages(id)
        .await
        .unwrap()
        .into_iter()
        .find(|message| message.round == round && message.role == Role::Human)
        .map_or_else(|| "none".into(), |message| message.id);
    BegunTurn { round, question }
}

/// A conversation of one question.
pub(crate) async fn ask(
    store: &Store,
    head: TurnHead,
    question: &str,
    seconds: i64,
) -> ConversationId {
    let id = head.conversation.clone();
    store
        .begin_turn(head, message(Role::Human, question), at(seconds))
        .await
        .unwrap();
    id
}
