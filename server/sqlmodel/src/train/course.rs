//! What there is to learn and what is set aside: the generator's examples by split.

use std::path::Path;

use super::{feed::Draw, prepare::Task};
use crate::net::NetError;

/// The domains to learn from and the questions set aside.
#[derive(Debug, Clone)]
pub struct Course {}

impl Course {
    /// Reads the folder of domains.
    pub fn load(_domains: &Path, _seed: u64, _held: usize, _overfit: Option<usize>) -> Result<Self, NetError> {
        unimplemented!()
    }

    /// Questions set aside, with the name of their set.
    pub fn held_out(&self) -> Vec<(String, Task)> {
        unimplemented!()
    }

    /// One endless source of examples per worker.
    pub fn sources(&self, _workers: usize, _seed: u64) -> Vec<Draw> {
        unimplemented!()
    }

    /// Whether two tasks come from the same domain.
    pub fn related(&self, _one: &Task, _other: &Task) -> bool {
        unimplemented!()
    }
}
