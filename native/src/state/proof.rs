//! EIP-1186 account and storage proofs at the head and in recent blocks.
//!
//! The trie of a recent block is the head's with the reverse diffs applied, in memory only: the
//! nodes that no later block touched are still where they were in the store.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_rpc_types_eth::{EIP1186AccountProofResponse, EIP1186StorageProof};
use alloy_trie::EMPTY_ROOT_HASH;

use super::history::{DIFFS_AT_ONCE, load};
use super::store::{decode_account, decode_slot};
use super::{FlatAccount, StateError, keys};
use crate::kv::Kv;
use crate::trie::{Job, Link, Op, Retention, Touch, prove, resolve, update};

/// Prove `address` and `slots` after block `at`. `snapshot` reads one frozen state of the store,
/// whose head is block `snapshot_head`; reverse diffs take it back to `at`.
pub fn proof(
    snapshot: &dyn Kv,
    snapshot_head: u64,
    at: u64,
    history_blocks: usize,
    address: Address,
    slots: &[B256],
) -> Result<EIP1186AccountProofResponse, StateError> {
    let oldest = snapshot_head.saturating_sub(history_blocks as u64);
    if !(oldest..=snapshot_head).contains(&at) {
        return Err(StateError::HistoryUnavailable {
            asked: at,
            oldest,
            head: snapshot_head,
        });
    }
    let account = keccak256(address);
    let past = Past::read(snapshot, snapshot_head, at, account)?;
    let root = past.account_root(snapshot)?;
    let nodes = prove(snapshot, keys::ACCOUNT_TRIE, root.as_ref(), &[account])?;
    let found = past.account(snapshot, &account)?;
    let fields = found.unwrap_or_default();
    Ok(EIP1186AccountProofResponse {
        address,
        balance: fields.balance,
        code_hash: fields.code_hash,
        nonce: fields.nonce,
        storage_hash: fields.storage_root,
        account_proof: nodes.into_iter().flatten().collect(),
        storage_proof: past.storage_proofs(snapshot, &account, fields.storage_root, slots)?,
    })
}

/// What differs from the snapshot: all accounts, and the slots of one account.
#[derive(Default)]
struct Past {
    accounts: BTreeMap<B256, Option<FlatAccount>>,
    slots: BTreeMap<B256, U256>,
}

impl Past {
    /// The diffs of the blocks after `at`, the latest first, so that the earliest has the last word.
    fn read(kv: &dyn Kv, head: u64, at: u64, account: B256) -> Result<Self, StateError> {
        let mut past = Self::default();
        let numbers: Vec<_> = (at + 1..=head).collect();
        for chunk in numbers.rchunks(DIFFS_AT_ONCE) {
            for diff in load(kv, chunk, head)?.iter().rev() {
                for row in diff.accounts() {
                    let (hash, before) = row?;
                    past.accounts.insert(hash, before);
                }
                past.slots.extend(diff.slots_of(&account));
            }
        }
        Ok(past)
    }

    fn account_root(&self, kv: &dyn Kv) -> Result<Option<Link>, StateError> {
        let stored = kv.get(keys::ACCOUNT_TRIE)?.map(keccak256).map(Link::stored);
        let values: Vec<_> = self
            .accounts
            .iter()
            .map(|(hash, account)| (*hash, account.map(|account| account.trie_value())))
            .collect();
        rewound(kv, keys::ACCOUNT_TRIE, stored, &values)
    }

    fn account(&self, kv: &dyn Kv, hash: &B256) -> Result<Option<FlatAccount>, StateError> {
        match self.accounts.get(hash) {
            Some(before) => Ok(*before),
            None => decode_account(kv.get(&keys::account(hash))?),
        }
    }

    fn storage_proofs(
        &self,
        kv: &dyn Kv,
        account: &B256,
        storage_root: B256,
        slots: &[B256],
    ) -> Result<Vec<EIP1186StorageProof>, StateError> {
        if slots.is_empty() {
            return Ok(Vec::new());
        }
        let prefix = keys::storage_trie(account);
        let stored = kv.get(&prefix)?.map(keccak256).map(Link::stored);
        let values: Vec<_> = self
            .slots
            .iter()
            .map(|(hash, value)| (*hash, (!value.is_zero()).then(|| alloy_rlp::encode(value))))
            .collect();
        let root = rewound(kv, &prefix, stored, &values)?;
        let found = root.as_ref().map_or(EMPTY_ROOT_HASH, Link::hash);
        if found != storage_root {
            return Err(StateError::Corrupt(format!(
                "the storage trie of {account} has root {found}, its account says {storage_root}"
            )));
        }
        let hashes: Vec<_> = slots.iter().map(keccak256).collect();
        let proofs = prove(kv, &prefix, root.as_ref(), &hashes)?;
        let wanted: Vec<_> = hashes
            .iter()
            .map(|hash| keys::slot(account, hash))
            .collect();
        let stored = kv.get_many(&wanted)?;
        let rows = slots.iter().zip(hashes).zip(proofs).zip(stored);
        rows.map(|(((slot, hash), proof), stored)| {
            let value = match self.slots.get(&hash) {
                Some(before) => *before,
                None => decode_slot(stored)?,
            };
            Ok(EIP1186StorageProof {
                key: (*slot).into(),
                value,
                proof,
            })
        })
        .collect()
    }
}

/// The trie at `root` with `values` put in, in memory only.
fn rewound(
    kv: &dyn Kv,
    prefix: &[u8],
    root: Option<Link>,
    values: &[(B256, Option<Vec<u8>>)],
) -> Result<Option<Link>, StateError> {
    let touches: Vec<_> = values
        .iter()
        .map(|(key, value)| Touch {
            key: *key,
            removes: value.is_none(),
        })
        .collect();
    if let Some(root) = &root {
        resolve(
            kv,
            &[Job {
                prefix,
                root,
                touches: &touches,
            }],
            0,
        )?;
    }
    let ops: Vec<_> = values
        .iter()
        .map(|(key, value)| Op {
            key: *key,
            value: value.as_deref(),
        })
        .collect();
    Ok(update(prefix, root.as_ref(), &ops, 0, Retention::Nodes)?.0)
}
