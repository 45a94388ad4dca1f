//! What a simulation changed, seen from the state that it began on: for the state root.

use alloy_primitives::{KECCAK256_EMPTY, U256};
use revm::DatabaseRef;
use revm::database::{AccountState, CacheDB, DbAccount};
use revm::state::AccountInfo;

use crate::state::{AccountChange, AccountFields, StateChanges};

/// Everything in the cache of `db` that differs from `db.db`, or may.
pub fn changes<V: DatabaseRef>(db: &CacheDB<V>) -> Result<StateChanges, V::Error> {
    let mut changes = StateChanges::default();
    for (address, account) in &db.cache.accounts {
        let before = db.db.basic_ref(*address)?;
        let now = account_now(account);
        let replaced = account.account_state == AccountState::StorageCleared
            || account.account_state == AccountState::NotExisting;
        let wiped = replaced && before.is_some();
        let slots = slots(account, now.is_some() && !wiped, |slot| {
            db.db.storage_ref(*address, slot)
        })?;
        if before.is_none() && now.is_none() {
            continue;
        }
        if wiped || !slots.is_empty() || fields(before.as_ref()) != now {
            changes.accounts.push(AccountChange {
                address: *address,
                fields: now,
                wiped,
                slots: if now.is_some() { slots } else { Vec::new() },
            });
        }
    }
    let codes = db
        .cache
        .contracts
        .iter()
        .filter(|(_, code)| !code.is_empty());
    changes.codes = codes.map(|(hash, code)| (*hash, code.clone())).collect();
    Ok(changes)
}

/// An account that is empty counts as absent (EIP-161).
fn account_now(account: &DbAccount) -> Option<AccountFields> {
    let gone = account.account_state == AccountState::NotExisting || account.info.is_empty();
    (!gone).then(|| fields(Some(&account.info))).flatten()
}

fn fields(info: Option<&AccountInfo>) -> Option<AccountFields> {
    info.map(|info| AccountFields {
        nonce: info.nonce,
        balance: info.balance,
        code_hash: if info.code_hash.is_zero() {
            KECCAK256_EMPTY
        } else {
            info.code_hash
        },
    })
}

/// Of an account whose storage stands, only the slots that differ.
fn slots<E>(
    account: &DbAccount,
    compare: bool,
    before: impl Fn(U256) -> Result<U256, E>,
) -> Result<Vec<(U256, U256)>, E> {
    let mut slots = Vec::new();
    for (slot, value) in &account.storage {
        let differs = match compare {
            true => before(*slot)? != *value,
            false => !value.is_zero(),
        };
        if differs {
            slots.push((*slot, *value));
        }
    }
    Ok(slots)
}
