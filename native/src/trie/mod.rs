//! Merkle Patricia trie over 32-byte keys, its nodes stored under their paths.
//!
//! Committed nodes never change: an update copies the path from each changed leaf to the root and
//! shares the rest. A node that is not in memory is a hash in its parent, and is read from the
//! store under its path when a key leads through it. Nothing here knows accounts or blocks.
//!
//! A node is stored iff it is the root or its RLP has 32 bytes or more; smaller ones are embedded
//! in their parent and have no key of their own.

mod codec;
mod key;
mod node;
mod proof;
pub mod python;
mod resolve;
mod sweep;
mod update;
mod walk;

#[cfg(test)]
mod tests;

pub use node::{Link, Node};
pub use proof::prove;
pub use resolve::{Job, Touch, resolve};
pub use sweep::{footprint, sweep};
pub use update::{Op, Output, Retention, update};
pub use walk::{Contents, Walker, contents};

#[cfg(test)]
use key::node_key;
