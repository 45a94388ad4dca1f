//! State: flat accounts and slots, the tries over them, reverse diffs, views of recent blocks.
//!
//! The life of a block: `StateStore::prepare` computes root, write set and reverse diff and leaves
//! everything committed as it is; `begin_write`; the caller writes to disk; `commit` or `abort`.
//! Memory is never ahead of disk. Execution and Python classes live elsewhere.

mod account;
mod cache;
mod changes;
mod diff;
mod error;
mod history;
mod keys;
mod prepare;
mod proof;
mod rows;
mod store;
mod tries;
mod verify;
mod verify_nodes;
mod view;

#[cfg(test)]
mod tests;

pub use account::FlatAccount;
pub use changes::{AccountChange, AccountFields, StateChanges};
pub use error::StateError;
pub use proof::proof;
pub use store::{StatePrepared, StateStore};
pub use verify::verify_state;
pub use verify_nodes::verify_nodes;
pub use view::StateView;
