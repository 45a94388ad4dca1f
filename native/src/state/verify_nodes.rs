//! The stored trie nodes against the roots: all that a root leads to, and nothing else.

use alloy_primitives::B256;
use alloy_trie::EMPTY_ROOT_HASH;

use super::rows::{Chunk, Row, Rows};
use super::{FlatAccount, StateError, keys};
use crate::trie::Walker;

/// Nibbles of a path, a byte each.
const LONGEST_PATH: usize = 64;

/// Streams the accounts and both tables of nodes once; returns how many nodes there are. `Corrupt`
/// names the first node that is missing, wrong, or that no root leads to.
pub fn verify_nodes(
    root: B256,
    accounts: &mut dyn FnMut() -> Result<Chunk, StateError>,
    account_nodes: &mut dyn FnMut() -> Result<Chunk, StateError>,
    storage_nodes: &mut dyn FnMut() -> Result<Chunk, StateError>,
) -> Result<u64, StateError> {
    let mut accounts = Rows::new(accounts, keys::ACCOUNTS, 33..=33, "accounts");
    let lengths = 1..=1 + LONGEST_PATH;
    let mut nodes = Rows::new(
        account_nodes,
        keys::ACCOUNT_TRIE[0],
        lengths,
        "account nodes",
    );
    let lengths = 33..=33 + LONGEST_PATH;
    let mut slots = Rows::new(storage_nodes, keys::STORAGE_TRIE, lengths, "storage nodes");
    let mut count = 0;
    let mut node = nodes.next()?;
    count += check_trie(keys::ACCOUNT_TRIE.to_vec(), root, &mut node, &mut nodes)?;
    let mut slot = slots.next()?;
    while let Some((key, value)) = accounts.next()? {
        let hash = B256::from_slice(&key[1..]);
        let root = FlatAccount::decode(&value)?.storage_root;
        count += check_trie(keys::storage_trie(&hash), root, &mut slot, &mut slots)?;
    }
    match node.or(slot) {
        Some((key, _)) => Err(stray(&key)),
        None => Ok(count),
    }
}

/// Nodes lie in the order in which a walk from the root meets them: a path comes before the paths
/// that it begins.
fn check_trie(
    prefix: Vec<u8>,
    root: B256,
    row: &mut Option<Row>,
    rows: &mut Rows<'_>,
) -> Result<u64, StateError> {
    let mut walker = Walker::new(prefix, (root != EMPTY_ROOT_HASH).then_some(root));
    let mut count = 0;
    while let Some(expected) = walker.expected() {
        if row.as_ref().is_some_and(|(key, _)| *key < expected) {
            break;
        }
        let found = row.take_if(|(key, _)| *key == expected);
        walker.step(found.as_ref().map(|(_, rlp)| &rlp[..]))?;
        *row = rows.next()?;
        count += 1;
    }
    match row {
        Some((key, _)) if walker.expected().is_some_and(|expected| *key < expected) => {
            Err(stray(key))
        }
        _ => Ok(count),
    }
}

fn stray(key: &[u8]) -> StateError {
    let path: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    StateError::Corrupt(format!(
        "no root leads to the trie node with the key 0x{path}"
    ))
}
