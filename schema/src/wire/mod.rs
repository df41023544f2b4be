//! What travels, and its mapping from and to the model. The only room with serde derives beside stored columns.

pub mod cluster;
pub mod envelope;
pub mod lenient;
pub mod openai;
pub mod stream;
pub mod v1;
pub mod view;
