//! The state after one recent block, as the EVM and the RPC read it.

use std::cell::OnceCell;
use std::sync::Arc;

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, KECCAK_EMPTY};
use revm::DatabaseRef;
use revm::state::{AccountInfo, Bytecode};

use super::diff::ReverseDiff;
use super::{FlatAccount, StateError, StateStore, keys};

/// Cheap to clone; any thread may read.
#[derive(Clone)]
pub struct StateView {
    store: Arc<StateStore>,
    at: u64,
    /// The head when the view was made.
    base: u64,
    /// Of the blocks after `at` up to `base`, ascending.
    diffs: Arc<[Arc<ReverseDiff>]>,
}

impl StateView {
    pub(super) fn new(
        store: Arc<StateStore>,
        at: u64,
        base: u64,
        diffs: Vec<Arc<ReverseDiff>>,
    ) -> Self {
        Self {
            store,
            at,
            base,
            diffs: diffs.into(),
        }
    }

    /// The block whose state this is.
    pub fn number(&self) -> u64 {
        self.at
    }

    pub fn account(&self, address: Address) -> Result<Option<FlatAccount>, StateError> {
        let hash = OnceCell::new();
        let find = |diff: &ReverseDiff| diff.account(hash.get_or_init(|| keccak256(address)));
        self.read(find, || match self.store.caches.accounts.get(&address) {
            Some(account) => Ok(account),
            None => Ok(self.store.load(&[address], &[])?.0[0]),
        })
    }

    /// Of many, with at most one read of the store.
    pub fn accounts(&self, addresses: &[Address]) -> Result<Vec<Option<FlatAccount>>, StateError> {
        let (mut accounts, _) = self.store.load(addresses, &[])?;
        let newer = self.newer_diffs()?;
        if !self.diffs.is_empty() || !newer.is_empty() {
            for (address, account) in addresses.iter().zip(&mut accounts) {
                let hash = keccak256(address);
                for diff in self.diffs.iter().chain(&newer) {
                    if let Some(before) = diff.account(&hash)? {
                        *account = before;
                        break;
                    }
                }
            }
        }
        Ok(accounts)
    }

    pub fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        let hashes = OnceCell::new();
        let find = |diff: &ReverseDiff| {
            let (account, slot) =
                hashes.get_or_init(|| (keccak256(address), keccak256(slot.to_be_bytes::<32>())));
            Ok(diff.slot(account, slot))
        };
        if let Some(value) = self.store.caches.slots.get(&(address, slot)) {
            return self.read(find, || Ok(value));
        }
        let has_storage = |account: FlatAccount| account.storage_root != EMPTY_ROOT_HASH;
        if !self.account(address)?.is_some_and(has_storage) {
            return Ok(U256::ZERO);
        }
        self.read(find, || Ok(self.store.load(&[], &[(address, slot)])?.1[0]))
    }

    pub fn code(&self, code_hash: B256) -> Result<Bytecode, StateError> {
        match code_hash == KECCAK_EMPTY || code_hash.is_zero() {
            true => Ok(Bytecode::default()),
            false => self.store.load_code(code_hash),
        }
    }

    /// Fill the caches with one read of the store. No effect on what reads return.
    pub fn prefetch(
        &self,
        addresses: &[Address],
        slots: &[(Address, U256)],
    ) -> Result<(), StateError> {
        self.store.load(addresses, slots).map(|_| ())
    }

    /// What a diff says the value was, else what the store has. The store is read before the diffs
    /// of later blocks are asked: those that it could already show are announced by then.
    fn read<T>(
        &self,
        find: impl Fn(&ReverseDiff) -> Result<Option<T>, StateError>,
        stored: impl FnOnce() -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        for diff in self.diffs.iter() {
            if let Some(value) = find(diff)? {
                return Ok(value);
            }
        }
        let value = stored()?;
        for diff in self.newer_diffs()? {
            if let Some(before) = find(&diff)? {
                return Ok(before);
            }
        }
        Ok(value)
    }

    /// The diffs of blocks that came after the view was made.
    fn newer_diffs(&self) -> Result<Vec<Arc<ReverseDiff>>, StateError> {
        match self.store.history.latest() == self.base {
            true => Ok(Vec::new()),
            false => self.store.history.between(&*self.store.kv, self.base, None),
        }
    }
}

impl DatabaseRef for StateView {
    type Error = StateError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, StateError> {
        Ok(self.account(address)?.map(|account| account.to_info()))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, StateError> {
        self.code(code_hash)
    }

    fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        self.storage(address, slot)
    }

    /// Hash of a stored header (table `h`); zero where there is none.
    fn block_hash_ref(&self, number: u64) -> Result<B256, StateError> {
        let header = self.store.kv.get(&keys::header(number))?;
        Ok(header.map_or(B256::ZERO, keccak256))
    }
}
