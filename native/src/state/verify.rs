//! The state root rebuilt from the flat tables alone.

use alloy_primitives::{B256, U256};
use alloy_trie::{HashBuilder, Nibbles};

use super::rows::{Chunk, Row, Rows};
use super::{FlatAccount, StateError, keys};

/// Streams both tables once. `Corrupt` names the account whose slots do not give its storage root.
pub fn verify_state(
    accounts: &mut dyn FnMut() -> Result<Chunk, StateError>,
    slots: &mut dyn FnMut() -> Result<Chunk, StateError>,
) -> Result<B256, StateError> {
    let mut accounts = Rows::new(accounts, keys::ACCOUNTS, 33..=33, "accounts");
    let mut slots = Rows::new(slots, keys::SLOTS, 65..=65, "slots");
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
