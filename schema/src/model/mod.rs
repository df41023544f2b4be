//! Domain structs and pure rules, one file per noun.
//!
//! No serde derives here: a model type cannot be put on a wire by accident. `wire` and the skins map.

mod audit;
mod caller;
mod catalogue;
mod chart;
mod conversation;
mod dashboard;
mod datasource;
mod deployment;
mod document;
mod event;
mod example;
mod feedback;
mod hidden;
mod instance;
mod kept;
mod key;
mod plot;
mod reread;
mod result;
mod search;
mod upload;
mod usage;
mod vega;
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
pub use dashboard::{ChartPatch, Dashboard, DashboardChart, ProposedChart, dashboard_words};
pub use datasource::{Connection, Datasource, DatasourcePatch, Dialect, Engine, NewDatasource};
pub use deployment::{
    DeployParams, DeployedKind, Deployment, DeploymentId, ModelPlace, Parameter, ParameterKind,
    StartableModel,
};
pub use document::{after_cut, cut_note, cut_words, unique_names};
pub use event::{Answer, ChatEvent, Evidence, Stage, StageTime, Usage};
pub use example::{
    Example, ExampleId, ExampleQuestion, ExampleSource, ExampleState, NewExample, RecalledExample,
};
pub use feedback::{Complaint, Feedback, FeedbackId, Opinion};
pub use hidden::Hidden;
pub use instance::{Instance, authority};
pub use kept::{ELSEWHERE, Imported, KeptConversation};
pub use key::{ApiKey, Grant, KeyLimits, NewApiKey};
pub use plot::{Plot, Scale};
pub use result::{Cell, CellKind, ResultColumn, RowSet};
pub use search::{Mention, count_words, search_words, snippet};
pub use upload::{Upload, UploadId, UploadRef, base_name, owned_by};
pub use usage::{CallStatus, Operation, UsageEntry, UsageFilter, UsageGroup, UsageId, UsageTotal};
pub use vega::{vega_lite, without_values};
pub use verdict::Verdict;
