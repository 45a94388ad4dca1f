//! The state root rebuilt from the flat tables alone.

use alloy_primitives::{B256, U256};
use alloy_trie::{HashBuilder, Nibbles};

use super::{FlatAccount, StateError, keys};

/// Pairs of one table in key order, keys with their table prefix; None or empty: the end.
pub type Chunk = Option<Vec<(Vec<u8>, Vec<u8>)>>;

/// Streams both tables once. `Corrupt` names the account whose slots do not give its storage root.
pub fn verify_state(
    accounts: &mut dyn FnMut() -> Result<Chunk, StateError>,
    slots: &mut dyn FnMut() -> Result<Chunk, StateError>,
) -> Result<B256, StateError> {
    let mut accounts = Rows::new(accounts, keys::ACCOUNTS, 33, "accounts");
    let mut slots = Rows::new(slots, keys::SLOTS, 65, "slots");
    let mut slot = slots.next()?;
    let mut trie = HashBuilder::default();
    while let Some((key, value)) = accounts.next()? {
        let hash = B256::from_slice(&key[1..]);
        let account = FlatAccount::decode(&value)?;
        expect_owner(&slot, Some(&hash))?;
        let mut storage = HashBuilder::default();
        while let Some((key, value)) = slot.take_if(|(key, _)| key[1..33] == hash[..]) {
            let value = slot_value(&key, &value)?;
            storage.add_leaf(Nibbles::unpack(&key[33..]), &alloy_rlp::encode(value));
            slot = slots.next()?;
        }
        let found = storage.root();
        if found != account.storage_root {
            return Err(StateError::Corrupt(format!(
                "the slots of the account with key {hash} give the storage root {found}, the \
                 account says {}",
                account.storage_root
            )));
        }
        trie.add_leaf(Nibbles::unpack(hash), &account.trie_value());
    }
    expect_owner(&slot, None)?;
    Ok(trie.root())
}

type Row = (Vec<u8>, Vec<u8>);

fn slot_value(key: &[u8], value: &[u8]) -> Result<U256, StateError> {
    let parsed = U256::try_from_be_slice(value);
    parsed
        .filter(|_| value.first().is_some_and(|first| *first != 0))
        .ok_or_else(|| {
            StateError::Corrupt(format!(
                "the slot {} has no canonical value",
                B256::from_slice(&key[33..])
            ))
        })
}

/// The next slot belongs to the next account (None: there is none) or to one after it.
fn expect_owner(slot: &Option<Row>, next: Option<&B256>) -> Result<(), StateError> {
    match slot {
        Some((key, _)) if next.is_none_or(|hash| key[1..33] < hash[..]) => {
            Err(StateError::Corrupt(format!(
                "there are slots of the key {}, which has no account",
                B256::from_slice(&key[1..33])
            )))
        }
        _ => Ok(()),
    }
}

/// The rows of a table, one by one, checked to be of it and ascending.
struct Rows<'a> {
    pull: &'a mut dyn FnMut() -> Result<Chunk, StateError>,
    chunk: std::vec::IntoIter<Row>,
    last: Vec<u8>,
    table: u8,
    key_length: usize,
    name: &'static str,
}

impl<'a> Rows<'a> {
    fn new(
        pull: &'a mut dyn FnMut() -> Result<Chunk, StateError>,
        table: u8,
        key_length: usize,
        name: &'static str,
    ) -> Self {
        Self {
            pull,
            chunk: Vec::new().into_iter(),
            last: Vec::new(),
            table,
            key_length,
            name,
        }
    }

    fn next(&mut self) -> Result<Option<Row>, StateError> {
        let row = match self.chunk.next() {
            Some(row) => row,
            None => {
                self.chunk = (self.pull)()?.unwrap_or_default().into_iter();
                let Some(row) = self.chunk.next() else {
                    return Ok(None);
                };
                row
            }
        };
        if row.0.len() != self.key_length || row.0[0] != self.table {
            return Err(self.fault("a key that is not its own"));
        }
        if row.0 <= self.last {
            return Err(self.fault("keys that do not ascend"));
        }
        self.last.clone_from(&row.0);
        Ok(Some(row))
    }

    fn fault(&self, what: &str) -> StateError {
        StateError::Corrupt(format!("the table of {} has {what}", self.name))
    }
}
