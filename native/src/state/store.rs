//! The state at the head and the life cycle of the next block.

use std::sync::Arc;

use alloy_primitives::B256;

use super::{StateChanges, StateError, StateView};
use crate::kv::{Kv, Value};

/// The effects of one block on state. Holds nothing that a reader sees before `commit`.
pub struct StatePrepared {
    pub number: u64,
    pub state_root: B256,
    /// For the block's one atomic write. May be taken out (`std::mem::take`) before `commit`.
    pub writes: Vec<(Vec<u8>, Value)>,
    /// Accounts and slots whose value differs from before.
    pub changed: usize,
}

pub struct StateStore {}

impl StateStore {
    /// `cache_bytes` bounds all caches and resident trie nodes together; `history_blocks` is how
    /// many blocks behind the head can still be read.
    pub fn new(_kv: Arc<dyn Kv>, _cache_bytes: usize, _history_blocks: usize) -> Self {
        unimplemented!()
    }

    /// Continue at a stored head. `Corrupt` if the trie root on disk is not `state_root`.
    pub fn open(&self, _number: u64, _state_root: B256) -> Result<(), StateError> {
        unimplemented!()
    }

    /// The committed head; 0 before genesis is committed.
    pub fn head(&self) -> u64 {
        unimplemented!()
    }

    /// Root of the committed state.
    pub fn root(&self) -> B256 {
        unimplemented!()
    }

    /// A view of the state after block `at`. It stays valid while the head moves on, as long as
    /// `at` is within the history.
    pub fn view(self: &Arc<Self>, _at: u64) -> Result<StateView, StateError> {
        unimplemented!()
    }

    /// The root after `changes` on the head; leaves nothing behind.
    pub fn state_root(self: &Arc<Self>, _changes: &StateChanges) -> Result<B256, StateError> {
        unimplemented!()
    }

    /// Block `number` is head + 1, or 0 on an empty store (genesis).
    pub fn prepare(
        self: &Arc<Self>,
        _number: u64,
        _changes: &StateChanges,
    ) -> Result<StatePrepared, StateError> {
        unimplemented!()
    }

    /// Announce that the writes are about to reach the store. Then `commit` or `abort`.
    pub fn begin_write(&self, _prepared: &StatePrepared) -> Result<(), StateError> {
        unimplemented!()
    }

    /// The writes are on disk: move the head.
    pub fn commit(&self, _prepared: &StatePrepared) -> Result<(), StateError> {
        unimplemented!()
    }

    /// The writes did not happen.
    pub fn abort(&self, _prepared: &StatePrepared) {
        unimplemented!()
    }
}
