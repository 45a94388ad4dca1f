//! Store keys of state. The whole layout is in `metis_node/storage/tables.py`.

use alloy_primitives::B256;

pub(super) const ACCOUNTS: u8 = b'a';
pub(super) const SLOTS: u8 = b's';
const CODE: u8 = b'c';
const REVERSE_DIFFS: u8 = b'r';
const HEADERS: u8 = b'h';
pub(super) const STORAGE_TRIE: u8 = b'O';

/// Prefix of the account trie's nodes.
pub(super) const ACCOUNT_TRIE: &[u8] = b"A";

pub(super) fn account(hash: &B256) -> Vec<u8> {
    join(ACCOUNTS, &[hash.as_slice()])
}

pub(super) fn slot(account: &B256, slot: &B256) -> Vec<u8> {
    join(SLOTS, &[account.as_slice(), slot.as_slice()])
}

pub(super) fn code(hash: &B256) -> Vec<u8> {
    join(CODE, &[hash.as_slice()])
}

/// Prefix of the nodes of an account's storage trie.
pub(super) fn storage_trie(account: &B256) -> Vec<u8> {
    join(STORAGE_TRIE, &[account.as_slice()])
}

pub(super) fn reverse_diff(number: u64) -> Vec<u8> {
    join(REVERSE_DIFFS, &[&number.to_be_bytes()])
}

pub(super) fn header(number: u64) -> Vec<u8> {
    join(HEADERS, &[&number.to_be_bytes()])
}

fn join(table: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + parts.iter().map(|part| part.len()).sum::<usize>());
    key.push(table);
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key
}
