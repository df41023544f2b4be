//! The cluster: which processes offer which models, as controllers keep count of them.
//!
//! [`directory`] is where the count is asked for and told to: a controller over HTTP, or this process's own. [`fleet`]
//! makes models of other processes into models of this one, which [`follow`] keeps in step, [`membership`] tells
//! controllers what this process offers. What is kept in the store is a service's matter.

pub mod directory;
pub mod fleet;
pub mod follow;
pub mod load;
pub mod membership;
pub mod place;

pub use tidegate_schema::model::Instance;

pub use self::{
    directory::{Controllers, Directory, Listing},
    fleet::Fleet,
    follow::follow,
    load::Loads,
    membership::belong,
    place::place,
};
