//! EIP-1186 account and storage proofs at the head and in recent blocks.

use alloy_primitives::{Address, B256};
use alloy_rpc_types_eth::EIP1186AccountProofResponse;

use super::StateError;
use crate::kv::Kv;

/// Prove `address` and `slots` after block `at`. `snapshot` reads one frozen state of the store,
/// whose head is block `snapshot_head`; reverse diffs take it back to `at`.
pub fn proof(
    _snapshot: &dyn Kv,
    _snapshot_head: u64,
    _at: u64,
    _history_blocks: usize,
    _address: Address,
    _slots: &[B256],
) -> Result<EIP1186AccountProofResponse, StateError> {
    unimplemented!()
}
