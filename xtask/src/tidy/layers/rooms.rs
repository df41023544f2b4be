//! The table of rooms: who never names whom, and why.

/// A room and what it never names.
pub(super) struct Rule {
    /// Path that the room's files start with.
    pub(super) room: &'static str,
    /// Starts of module paths.
    pub(super) never: &'static [&'static str],
    /// Exceptions: starts of module paths that are allowed all the same.
    pub(super) but: &'static [&'static str],
    /// Why.
    pub(super) why: &'static str,
}

/// What no engine names.
const ABOVE_ENGINES: &[&str] = &[
    "crate::app",
    "crate::api",
    "crate::services",
    "crate::cli",
    "tidegate_schema::store",
    "tidegate_schema::wire",
    "axum",
    "axum_extra",
    "tower_http",
    "async_graphql",
    "utoipa",
    "diesel",
];

const ENGINES: &str =
    "engines compute; what they need is handed to them, and only services remember";

/// Every room that has borders.
pub(super) const RULES: &[Rule] = &[
    Rule {
        room: "schema/src/model/",
        never: &[
            "serde",
            "diesel",
            "utoipa",
            "async_graphql",
            "axum",
            "crate::wire",
            "crate::store",
            "crate::tables",
        ],
        but: &[],
        why: "a model type cannot be serialised or stored as it is: wire and store map it",
    },
    Rule {
        room: "schema/src/wire/",
        never: &["diesel", "axum", "crate::store", "crate::tables"],
        but: &[],
        why: "wire types know what travels, not where it is kept",
    },
    Rule {
        room: "schema/src/store/",
        never: &["crate::wire", "axum", "utoipa"],
        but: &[],
        why: "the store keeps models; upstream's names stop at the wire",
    },
    Rule {
        room: "server/src/drivers/",
        never: ABOVE_ENGINES,
        but: &[],
        why: ENGINES,
    },
    Rule {
        room: "server/src/export/",
        never: ABOVE_ENGINES,
        but: &[],
        why: ENGINES,
    },
    Rule {
        room: "server/src/linking/",
        never: ABOVE_ENGINES,
        but: &[],
        why: ENGINES,
    },
    Rule {
        room: "server/src/guard/",
        never: ABOVE_ENGINES,
        but: &[],
        why: ENGINES,
    },
    Rule {
        room: "server/src/scenes/",
        never: ABOVE_ENGINES,
        but: &[],
        why: ENGINES,
    },
    Rule {
        room: "server/src/sample/",
        never: ABOVE_ENGINES,
        but: &[],
        why: ENGINES,
    },
    Rule {
        room: "server/src/cluster/",
        never: ABOVE_ENGINES,
        // As a client of controllers it speaks their dialect.
        but: &["tidegate_schema::wire::cluster"],
        why: ENGINES,
    },
    Rule {
        room: "server/src/gateway/",
        never: ABOVE_ENGINES,
        but: &[],
        why: ENGINES,
    },
    Rule {
        room: "server/src/workers/",
        never: ABOVE_ENGINES,
        // As clients of other servers they speak these dialects.
        but: &[
            "tidegate_schema::wire::openai",
            "tidegate_schema::wire::cluster",
        ],
        why: ENGINES,
    },
    Rule {
        room: "server/src/services/",
        never: &[
            "crate::api",
            "crate::cli",
            "tidegate_schema::wire",
            "axum",
            "axum_extra",
            "async_graphql",
            "utoipa",
            "diesel",
        ],
        but: &[],
        why: "services speak models, so that every skin can call them",
    },
    Rule {
        room: "server/src/api/",
        never: &[
            "crate::export",
            "crate::drivers",
            "crate::guard",
            "crate::gateway",
            "crate::cluster",
            "crate::scenes",
            "crate::workers",
            "crate::sample",
            "crate::cli",
            "tidegate_schema::store",
            "tidegate_schema::tables",
            "diesel",
            "rusqlite",
            "tokio_postgres",
        ],
        // Plain data of the seam, which services hand through as it is.
        but: &[
            "crate::workers::Chunk",
            "crate::workers::ChunkStream",
            "crate::workers::FinishReason",
            "crate::workers::GenerateRequest",
            "crate::workers::Likelihood",
            "crate::workers::ModelKind",
            "crate::workers::ModelMetadata",
            "crate::workers::TokenLogprob",
            "crate::workers::Tool",
            "crate::workers::ToolCall",
            "crate::workers::ToolChoice",
            "crate::workers::Prompt",
            "crate::workers::PromptMessage",
            "crate::workers::Relay",
            "crate::workers::RelayPath",
            "crate::workers::RelayRequest",
            "crate::workers::RelayResponse",
            "crate::workers::ResponseFormat",
            "crate::workers::Speaker",
            "crate::workers::registry::State",
            "crate::workers::registry",
        ],
        why: "a skin calls services; the act behind them is the same for every skin",
    },
    Rule {
        room: "server/src/config/",
        never: &[
            "crate::api",
            "crate::app",
            "crate::cli",
            "crate::services",
            "crate::workers",
            "crate::drivers",
            "crate::guard",
            "crate::scenes",
            "tidegate_schema::store",
        ],
        but: &[],
        why: "configuration is read by everything and reads nothing but files and the environment",
    },
    Rule {
        room: "clients/rust/src/",
        never: &["tidegate_schema", "tidegate_server"],
        but: &[],
        why: "the client is made from the committed contract alone",
    },
];
