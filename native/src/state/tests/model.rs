//! The model: plain maps, one per block, and a chain that applies the same blocks to both.

use std::collections::BTreeMap;
use std::sync::Arc;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::root::{state_root_unhashed, storage_root_unhashed};
use alloy_trie::{KECCAK_EMPTY, TrieAccount};
use revm::state::Bytecode;

use crate::dice::Dice;
use crate::kv::{Kv, MemKv};
use crate::state::{AccountChange, AccountFields, StateChanges, StatePrepared, StateStore};

#[derive(Clone, Debug, PartialEq)]
pub struct ModelAccount {
    pub fields: AccountFields,
    pub slots: BTreeMap<U256, U256>,
}

pub type Model = BTreeMap<Address, ModelAccount>;

pub const ADDRESSES: u64 = 60;
pub const SLOTS: u64 = 40;

pub fn root(model: &Model) -> B256 {
    state_root_unhashed(
        model
            .iter()
            .map(|(address, account)| (*address, trie_account(account))),
    )
}

pub fn trie_account(account: &ModelAccount) -> TrieAccount {
    let slots = account
        .slots
        .iter()
        .map(|(slot, value)| (B256::from(*slot), *value));
    TrieAccount {
        nonce: account.fields.nonce,
        balance: account.fields.balance,
        storage_root: storage_root_unhashed(slots),
        code_hash: account.fields.code_hash,
    }
}

pub fn code(n: u64) -> Bytecode {
    Bytecode::new_raw(Bytes::from(vec![0x5b, 0x60, n as u8, 0x00]))
}

/// The whole model as one block's changes.
pub fn allocation(model: &Model) -> StateChanges {
    let accounts = model.iter().map(|(address, account)| AccountChange {
        address: *address,
        fields: Some(account.fields),
        wiped: false,
        slots: account
            .slots
            .iter()
            .map(|(slot, value)| (*slot, *value))
            .collect(),
    });
    StateChanges {
        accounts: accounts.collect(),
        codes: Vec::new(),
    }
}

/// Random changes: payments, new accounts, removals, storage, wiped storage that is filled again.
pub fn random_changes(dice: &mut Dice, model: &Model) -> StateChanges {
    let mut picked = BTreeMap::new();
    for _ in 0..1 + dice.roll(25) {
        let address = dice.address(ADDRESSES);
        let kind = dice.roll(12);
        let known = model.get(&address).map(|account| account.fields);
        let mut fields = known.unwrap_or(AccountFields {
            nonce: 1,
            balance: U256::ZERO,
            code_hash: KECCAK_EMPTY,
        });
        let mut slots = BTreeMap::new();
        if kind > 3 {
            (fields.nonce, fields.balance) = (fields.nonce + 1, dice.value());
        }
        if kind > 5 {
            for _ in 0..dice.roll(20) {
                let value = if dice.one_in(3) {
                    U256::ZERO
                } else {
                    dice.value()
                };
                slots.insert(U256::from(dice.roll(SLOTS)), value);
            }
        }
        if kind > 10 {
            fields.code_hash = keccak256(code(dice.roll(4)).original_byte_slice());
        }
        picked.insert(
            address,
            AccountChange {
                address,
                fields: (kind > 1).then_some(fields),
                wiped: kind < 2 || kind == 11,
                slots: slots.into_iter().collect(),
            },
        );
    }
    let codes = (0..4)
        .map(code)
        .map(|code| (keccak256(code.original_byte_slice()), code));
    StateChanges {
        accounts: picked.into_values().collect(),
        codes: codes.collect(),
    }
}

pub fn apply(model: &mut Model, changes: &StateChanges) {
    for change in &changes.accounts {
        let Some(fields) = change.fields else {
            model.remove(&change.address);
            continue;
        };
        let entry = model.entry(change.address).or_insert(ModelAccount {
            fields,
            slots: BTreeMap::new(),
        });
        entry.fields = fields;
        if change.wiped {
            entry.slots.clear();
        }
        for (slot, value) in &change.slots {
            match value.is_zero() {
                true => entry.slots.remove(slot),
                false => entry.slots.insert(*slot, *value),
            };
        }
    }
}

/// A store, and the model after every block.
pub struct Chain {
    pub kv: MemKv,
    pub store: Arc<StateStore>,
    pub models: Vec<Model>,
    pub cache_bytes: usize,
    pub history: usize,
}

impl Chain {
    pub fn new(cache_bytes: usize, history: usize) -> Self {
        let kv = MemKv::default();
        let store = Arc::new(StateStore::new(Arc::new(kv.clone()), cache_bytes, history));
        Self {
            kv,
            store,
            models: Vec::new(),
            cache_bytes,
            history,
        }
    }

    pub fn head(&self) -> &Model {
        self.models.last().expect("a block")
    }

    pub fn prepare(&mut self, changes: &StateChanges) -> StatePrepared {
        let mut after = self.models.last().cloned().unwrap_or_default();
        apply(&mut after, changes);
        let entries = self.kv.entries();
        let root_only = self.store.state_root(changes).unwrap();
        let prepared = self
            .store
            .prepare(self.models.len() as u64, changes)
            .unwrap();
        assert_eq!(prepared.state_root, root(&after));
        assert_eq!(root_only, prepared.state_root);
        assert_eq!(self.kv.entries(), entries, "prepare wrote to the store");
        self.models.push(after);
        prepared
    }

    pub fn block(&mut self, changes: &StateChanges) {
        let prepared = self.prepare(changes);
        self.store.begin_write(&prepared).unwrap();
        self.kv.write(&prepared.writes);
        self.store.commit(&prepared).unwrap();
    }

    /// Start again from the store alone.
    pub fn reopen(&mut self) {
        let kv: Arc<dyn Kv> = Arc::new(self.kv.clone());
        self.store = Arc::new(StateStore::new(kv, self.cache_bytes, self.history));
        self.store
            .open(self.models.len() as u64 - 1, root(self.head()))
            .unwrap();
    }

    /// Reads at a block give that block's model: some keys at random.
    pub fn check_reads(&self, dice: &mut Dice, at: u64, count: u64) {
        let view = self.store.view(at).unwrap();
        for _ in 0..count {
            self.check_read(dice, &view);
        }
    }

    pub fn check_read(&self, dice: &mut Dice, view: &crate::state::StateView) {
        let model = &self.models[view.number() as usize];
        let address = dice.address(ADDRESSES);
        let slot = U256::from(dice.roll(SLOTS));
        let expected = model.get(&address);
        let found = view.account(address).unwrap();
        let fields = found.map(|account| AccountFields {
            nonce: account.nonce,
            balance: account.balance,
            code_hash: account.code_hash,
        });
        assert_eq!(
            fields,
            expected.map(|account| account.fields),
            "block {}",
            view.number()
        );
        let root = found.map(|account| account.storage_root);
        assert_eq!(
            root,
            expected.map(|account| trie_account(account).storage_root)
        );
        assert_eq!(view.accounts(&[address, address]).unwrap(), [found, found]);
        let value = expected
            .and_then(|account| account.slots.get(&slot))
            .copied();
        assert_eq!(
            view.storage(address, slot).unwrap(),
            value.unwrap_or_default()
        );
        let code = view
            .code(found.map_or(KECCAK_EMPTY, |account| account.code_hash))
            .unwrap();
        assert_eq!(
            code.hash_slow(),
            fields.map_or(KECCAK_EMPTY, |fields| fields.code_hash)
        );
    }
}
