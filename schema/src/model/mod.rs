//! Domain structs and pure rules, one file per noun.
//!
//! No serde derives here: a model type cannot be put on a wire by accident. `wire` and the skins map.

mod audit;
mod caller;
mod catalogue;
mod chart;
mod conversation;
mod datasource;
mod document;
mod event;
mod example;
mod hidden;
mod key;
mod result;
mod verdict;

pub use audit::{AuditEntry, AuditId};
pub use caller::{Act, Caller};
pub use catalogue::{
    Catalogue, ColumnInfo as CatalogueColumn, ForeignKey, KeptCatalogue,
    TableInfo as CatalogueTable,
};
pub use chart::ChartKind;
pub use conversation::{
    BegunTurn, ChatMode, Conversation, ConversationFilter, Message, MessageDetail, NewMessage,
    Page, PageOf, Role, TurnHead,
};
pub use datasource::{Connection, Datasource, DatasourcePatch, Dialect, Engine, NewDatasource};
pub use document::{cut_note, cut_words};
pub use event::{Answer, ChatEvent, Evidence, Stage, StageTime, Usage};
pub use example::{
    Example, ExampleId, ExampleQuestion, ExampleSource, ExampleState, NewExample, RecalledExample,
};
pub use hidden::Hidden;
pub use key::{ApiKey, Grant, NewApiKey};
pub use result::{Cell, CellKind, ResultColumn, RowSet};
pub use verdict::Verdict;
