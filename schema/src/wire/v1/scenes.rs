//! The chat scenes that a page offers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::ChatMode;

/// A chat scene.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "chat_scene": "chat_excel", "scene_name": "Chat Excel",
    "scene_describe": "Dialogue with your excel, use natural language.", "param_title": "File Select",
    "show_disable": false
}))]
pub struct SceneOut {
    /// Mode.
    pub chat_scene: String,
    /// Title.
    pub scene_name: String,
    /// What it does.
    pub scene_describe: String,
    /// What has to be chosen for it.
    pub param_title: String,
    /// Always false.
    pub show_disable: bool,
}

impl From<ChatMode> for SceneOut {
    fn from(mode: ChatMode) -> Self {
        let (name, describe, param) = match mode {
            ChatMode::WithDbExecute => (
                "Chat Data",
                "Dialogue with your private data through natural language.",
                "DB Select",
            ),
            ChatMode::WithDbQa => (
                "Chat DB",
                "Have a Professional Conversation with Metadata.",
                "DB Select",
            ),
            ChatMode::Excel => (
                "Chat Excel",
                "Dialogue with your excel, use natural language.",
                "File Select",
            ),
            ChatMode::Knowledge => (
                "Chat Knowledge",
                "Dialogue through natural language and private documents and knowledge bases.",
                "Knowledge Space Select",
            ),
            ChatMode::Dashboard => (
                "Dashboard",
                "Provide you with professional analysis reports through natural language.",
                "DB Select",
            ),
            ChatMode::Agent => (
                "Agent Chat",
                "Use tools through dialogue to accomplish your goals.",
                "Plugin Select",
            ),
            ChatMode::Normal => ("Chat Normal", "Native LLM large model AI dialogue.", ""),
            ChatMode::Flow => (
                "Flow Chat",
                "Have conversations with conversational AWEL flow.",
                "Flow Select",
            ),
        };
        Self {
            chat_scene: mode.name().to_owned(),
            scene_name: name.to_owned(),
            scene_describe: describe.to_owned(),
            param_title: param.to_owned(),
            show_disable: false,
        }
    }
}
