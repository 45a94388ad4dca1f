//! The state at the head and the life cycle of the next block.

use std::sync::{Arc, Mutex, RwLock};

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_trie::EMPTY_ROOT_HASH;
use revm::state::Bytecode;

use super::cache::Caches;
use super::history::History;
use super::prepare::{self, Effects};
use super::tries::Tries;
use super::{FlatAccount, StateChanges, StateError, StateView, keys};
use crate::kv::{Kv, Value};
use crate::trie::{Link, Retention};

/// How `cache_bytes` is shared out, in sixteenths.
mod share {
    pub const OF: usize = 16;
    pub const TRIE_NODES: usize = 6;
    pub const ACCOUNTS: usize = 3;
    pub const SLOTS: usize = 3;
    pub const CODES: usize = 1;
    pub const RECENT_DIFFS: usize = 2;
    pub const OLDER_DIFFS: usize = 1;
}

/// The effects of one block on state. Holds nothing that a reader sees before `commit`.
pub struct StatePrepared {
    pub number: u64,
    pub state_root: B256,
    /// For the block's one atomic write. May be taken out (`std::mem::take`) before `commit`.
    pub writes: Vec<(Vec<u8>, Value)>,
    /// Accounts and slots whose value differs from before.
    pub changed: usize,
    /// The root that it was prepared on.
    parent_root: B256,
    effects: Effects,
}

pub struct StateStore {
    pub(super) kv: Arc<dyn Kv>,
    pub(super) caches: Caches,
    pub(super) history: History,
    pub(super) tries: Mutex<Tries>,
    head: RwLock<Option<Head>>,
}

#[derive(Clone, Copy)]
struct Head {
    number: u64,
    root: B256,
}

impl StateStore {
    /// `cache_bytes` bounds all caches and resident trie nodes together; `history_blocks` is how
    /// many blocks behind the head can still be read.
    pub fn new(kv: Arc<dyn Kv>, cache_bytes: usize, history_blocks: usize) -> Self {
        let part = |sixteenths| cache_bytes / share::OF * sixteenths;
        Self {
            kv,
            caches: Caches::new(
                part(share::ACCOUNTS),
                part(share::SLOTS),
                part(share::CODES),
            ),
            history: History::new(
                history_blocks as u64,
                part(share::RECENT_DIFFS),
                part(share::OLDER_DIFFS),
            ),
            tries: Mutex::new(Tries::new(part(share::TRIE_NODES))),
            head: RwLock::new(None),
        }
    }

    /// Continue at a stored head. `Corrupt` if the trie root on disk is not `state_root`.
    pub fn open(&self, number: u64, state_root: B256) -> Result<(), StateError> {
        let stored = self.kv.get(keys::ACCOUNT_TRIE)?;
        let found = stored.map_or(EMPTY_ROOT_HASH, keccak256);
        if found != state_root {
            return Err(StateError::Corrupt(format!(
                "the state root on disk is {found}, that of block {number} is {state_root}"
            )));
        }
        let root = (found != EMPTY_ROOT_HASH).then(|| Link::stored(found));
        self.lock_tries().reset(root);
        self.caches.clear();
        self.history.open(number);
        *self.head.write().expect("head") = Some(Head {
            number,
            root: state_root,
        });
        Ok(())
    }

    /// The committed head; 0 before genesis is committed.
    pub fn head(&self) -> u64 {
        self.head_or_none().map_or(0, |head| head.number)
    }

    /// Root of the committed state.
    pub fn root(&self) -> B256 {
        self.head_or_none()
            .map_or(EMPTY_ROOT_HASH, |head| head.root)
    }

    /// A view of the state after block `at`. It stays valid while the head moves on, as long as
    /// `at` is within the history.
    pub fn view(self: &Arc<Self>, at: u64) -> Result<StateView, StateError> {
        let head = self.head();
        let oldest = head.saturating_sub(self.history.blocks);
        if !(oldest..=head).contains(&at) {
            return Err(StateError::HistoryUnavailable {
                asked: at,
                oldest,
                head,
            });
        }
        let diffs = match at == head {
            true => Vec::new(),
            false => self.history.between(&*self.kv, at, Some(head))?,
        };
        Ok(StateView::new(self.clone(), at, head, diffs))
    }

    /// The root after `changes` on the head; leaves nothing behind.
    pub fn state_root(self: &Arc<Self>, changes: &StateChanges) -> Result<B256, StateError> {
        let number = self.head_or_none().map_or(0, |head| head.number + 1);
        self.expect_idle()?;
        Ok(prepare::run(self, number, changes, Retention::Root)?.state_root)
    }

    /// Block `number` is head + 1, or 0 on an empty store (genesis).
    pub fn prepare(
        self: &Arc<Self>,
        number: u64,
        changes: &StateChanges,
    ) -> Result<StatePrepared, StateError> {
        self.expect_next(number)?;
        self.expect_idle()?;
        let parent_root = self.root();
        let mut effects = prepare::run(self, number, changes, Retention::Writes)?;
        Ok(StatePrepared {
            number,
            state_root: effects.state_root,
            writes: std::mem::take(&mut effects.writes),
            changed: effects.accounts.len() + effects.slots.len(),
            parent_root,
            effects,
        })
    }

    /// Announce that the writes are about to reach the store. Then `commit` or `abort`.
    pub fn begin_write(&self, prepared: &StatePrepared) -> Result<(), StateError> {
        self.expect_next(prepared.number)?;
        if prepared.parent_root != self.root() {
            return Err(StateError::Misuse(format!(
                "block {} was prepared on another state than the head's",
                prepared.number
            )));
        }
        self.history
            .begin(prepared.number, prepared.effects.diff.clone());
        Ok(())
    }

    /// The writes are on disk: move the head.
    pub fn commit(&self, prepared: &StatePrepared) -> Result<(), StateError> {
        self.expect_next(prepared.number)?;
        if prepared.parent_root != self.root() || self.history.pending() != Some(prepared.number) {
            return Err(StateError::Misuse(format!(
                "block {} is committed without begin_write",
                prepared.number
            )));
        }
        let effects = &prepared.effects;
        self.history.commit();
        self.commit_caches(effects);
        self.commit_tries(effects);
        let head = Head {
            number: prepared.number,
            root: prepared.state_root,
        };
        *self.head.write().expect("head") = Some(head);
        Ok(())
    }

    /// The writes did not happen.
    pub fn abort(&self, prepared: &StatePrepared) {
        if self.history.pending() == Some(prepared.number) {
            self.history.abort(self.head());
        }
    }

    /// Bytes of trie nodes in memory.
    pub fn resident_trie_bytes(&self) -> usize {
        self.lock_tries().bytes()
    }

    /// What the store holds at its head, or while a block is written at that one's: of `addresses`
    /// and `slots`, with at most one read of the store. Callers overlay diffs.
    pub(super) fn load(
        &self,
        addresses: &[Address],
        slots: &[(Address, U256)],
    ) -> Result<(Vec<Option<FlatAccount>>, Vec<U256>), StateError> {
        if self.head_or_none().is_none() {
            return Ok((vec![None; addresses.len()], vec![U256::ZERO; slots.len()]));
        }
        let version = self.history.version();
        let mut accounts: Vec<_> = addresses
            .iter()
            .map(|address| self.caches.accounts.get(address))
            .collect();
        let mut values: Vec<_> = slots
            .iter()
            .map(|slot| self.caches.slots.get(slot))
            .collect();
        let mut wanted = Vec::new();
        for (address, _) in addresses
            .iter()
            .zip(&accounts)
            .filter(|(_, hit)| hit.is_none())
        {
            wanted.push(keys::account(&keccak256(address)));
        }
        let mut account = (Address::ZERO, keccak256(Address::ZERO));
        for ((address, slot), _) in slots.iter().zip(&values).filter(|(_, hit)| hit.is_none()) {
            if account.0 != *address {
                account = (*address, keccak256(address));
            }
            wanted.push(keys::slot(&account.1, &keccak256(slot.to_be_bytes::<32>())));
        }
        let mut read = match wanted.is_empty() {
            true => Vec::new(),
            false => self.kv.get_many(&wanted)?,
        }
        .into_iter();
        let current = || self.history.version() == version;
        for (address, hit) in addresses
            .iter()
            .zip(&mut accounts)
            .filter(|(_, hit)| hit.is_none())
        {
            let account = decode_account(read.next().flatten())?;
            self.caches.accounts.fill(*address, account, current);
            *hit = Some(account);
        }
        for (slot, hit) in slots
            .iter()
            .zip(&mut values)
            .filter(|(_, hit)| hit.is_none())
        {
            let value = decode_slot(read.next().flatten())?;
            self.caches.slots.fill(*slot, value, current);
            *hit = Some(value);
        }
        Ok((
            accounts.into_iter().map(Option::flatten).collect(),
            values.into_iter().map(Option::unwrap_or_default).collect(),
        ))
    }

    pub(super) fn load_code(&self, hash: B256) -> Result<Bytecode, StateError> {
        if let Some(code) = self.caches.code(&hash) {
            return Ok(code);
        }
        let bytes = self.kv.get(&keys::code(&hash))?;
        let bytes =
            bytes.ok_or_else(|| StateError::Corrupt(format!("the code {hash} is missing")))?;
        let code = Bytecode::new_raw_checked(bytes.into())
            .map_err(|error| StateError::Corrupt(format!("the code {hash}: {error}")))?;
        self.caches.put_code(hash, code.clone());
        Ok(code)
    }

    pub(super) fn lock_tries(&self) -> std::sync::MutexGuard<'_, Tries> {
        self.tries.lock().expect("tries")
    }

    fn head_or_none(&self) -> Option<Head> {
        *self.head.read().expect("head")
    }

    fn expect_next(&self, number: u64) -> Result<(), StateError> {
        let next = self.head_or_none().map_or(0, |head| head.number + 1);
        match number == next {
            true => Ok(()),
            false => Err(StateError::Misuse(format!(
                "block {number} is not the next one, {next}"
            ))),
        }
    }

    /// While a block is written, the store may be ahead of the nodes in memory.
    fn expect_idle(&self) -> Result<(), StateError> {
        match self.history.pending() {
            None => Ok(()),
            Some(number) => Err(StateError::Misuse(format!(
                "block {number} is being written"
            ))),
        }
    }

    fn commit_caches(&self, effects: &Effects) {
        for (address, account) in &effects.accounts {
            self.caches.accounts.put(*address, *account);
        }
        if effects.wiped {
            // Wiped slots are known by their hashes only.
            self.caches.slots.clear();
        }
        for (slot, value) in &effects.slots {
            self.caches.slots.put(*slot, *value);
        }
        for (hash, code) in &effects.codes {
            self.caches.put_code(*hash, code.clone());
        }
    }

    fn commit_tries(&self, effects: &Effects) {
        let mut tries = self.lock_tries();
        for storage in &effects.storage {
            if storage.fresh {
                tries.commit_storage(storage.account, None, 0);
            }
            tries.commit_storage(storage.account, storage.root.clone(), storage.growth);
        }
        tries.commit_accounts(effects.root.clone(), effects.growth);
        tries.trim();
    }
}

pub(super) fn decode_account(value: Value) -> Result<Option<FlatAccount>, StateError> {
    value.map(|bytes| FlatAccount::decode(&bytes)).transpose()
}

pub(super) fn decode_slot(value: Value) -> Result<U256, StateError> {
    U256::try_from_be_slice(&value.unwrap_or_default())
        .ok_or_else(|| StateError::Corrupt("a flat slot is longer than 32 bytes".into()))
}
