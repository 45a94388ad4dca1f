//! State overrides: accounts that a request wants changed for its execution.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256};
use revm::bytecode::Bytecode;
use revm::database::{AccountState, CacheDB};
use revm::{Database, DatabaseRef};
use serde_json::Value;

use super::fields::{self, Fields};
use super::precompiles::Moved;
use super::refusal::{CallError, Refusal};
use crate::errors::Error;

/// geth's `OverrideAccount`. `None`: as in the state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountOverride {
    pub nonce: Option<u64>,
    pub code: Option<Bytes>,
    pub balance: Option<U256>,
    /// Replaces the whole storage.
    pub state: Option<BTreeMap<B256, B256>>,
    /// Replaces single slots.
    pub state_diff: Option<BTreeMap<B256, B256>>,
    pub move_precompile_to: Option<Address>,
}

/// Overrides by account.
pub type StateOverride = BTreeMap<Address, AccountOverride>;

pub fn parse(value: &Value, place: &str) -> Result<StateOverride, Refusal> {
    if value.is_null() {
        return Ok(StateOverride::new());
    }
    let entry = |(name, value): (&String, &Value)| {
        let address = fields::address(name).map_err(|why| {
            Refusal::malformed(format!("invalid argument: {place}: {name}: {why}"))
        })?;
        Ok((address, account(value, &format!("{place}.{name}"))?))
    };
    Fields::of(value, place)?.members().map(entry).collect()
}

fn account(value: &Value, place: &str) -> Result<AccountOverride, Refusal> {
    let fields = Fields::of(value, place)?;
    Ok(AccountOverride {
        nonce: fields.u64("nonce")?,
        code: fields.bytes("code")?,
        balance: fields.u256("balance")?,
        state: slots(&fields, "state", place)?,
        state_diff: slots(&fields, "stateDiff", place)?,
        move_precompile_to: fields
            .address("movePrecompileToAddress")?
            .or(fields.address("MovePrecompileToAddress")?),
    })
}

fn slots(
    fields: &Fields<'_>,
    name: &str,
    place: &str,
) -> Result<Option<BTreeMap<B256, B256>>, Refusal> {
    let Some(value) = fields.get(name) else {
        return Ok(None);
    };
    let place = format!("{place}.{name}");
    let members = Fields::of(value, &place)?;
    let slot = |(key, _): (&String, &Value)| {
        let slot =
            fields::hash(key).map_err(|why| fields.refuse(name, &format!("{key}: {why}")))?;
        Ok((slot, members.hash(key)?.unwrap_or_default()))
    };
    members
        .members()
        .map(slot)
        .collect::<Result<_, Refusal>>()
        .map(Some)
}

/// Changes `db` and the precompile table. `moved` is touched only by overrides of precompiles.
pub fn apply<V: DatabaseRef<Error: Into<Error>>>(
    overrides: &StateOverride,
    db: &mut CacheDB<V>,
    moved: &mut Option<Moved>,
    table: impl Fn() -> Moved,
) -> Result<(), CallError> {
    for (address, change) in overrides {
        move_precompile(*address, change, overrides, moved, &table)?;
        apply_account(*address, change, db)?;
    }
    Ok(())
}

/// An override of a precompile removes it from its address. Where two move to one, the last stays.
fn move_precompile(
    address: Address,
    change: &AccountOverride,
    overrides: &StateOverride,
    moved: &mut Option<Moved>,
    table: &impl Fn() -> Moved,
) -> Result<(), Refusal> {
    // Only short addresses are precompiles to begin with; the table is not built for others.
    if moved.is_none() && change.move_precompile_to.is_none() && !address.starts_with(&[0; 16]) {
        return Ok(());
    }
    let precompiles = moved.get_or_insert_with(table);
    let standing = precompiles.get(&address).cloned();
    if let Some(to) = change.move_precompile_to {
        let precompile = standing
            .clone()
            .ok_or_else(|| Refusal::refused(format!("account {address} is not a precompile")))?;
        if overrides.contains_key(&to) {
            let words = format!("account {to} is already overridden");
            return Err(Refusal::refused(words));
        }
        precompiles.insert(to, precompile);
    }
    if standing.is_some() {
        precompiles.remove(&address);
    }
    Ok(())
}

fn apply_account<V: DatabaseRef<Error: Into<Error>>>(
    address: Address,
    change: &AccountOverride,
    db: &mut CacheDB<V>,
) -> Result<(), CallError> {
    if change.state.is_some() && change.state_diff.is_some() {
        return Err(Refusal::refused(format!(
            "account {address} has both 'state' and 'stateDiff'"
        ))
        .into());
    }
    override_info(address, change, db).map_err(|error| CallError::Failed(error.into()))?;
    override_storage(address, change, db).map_err(|error| CallError::Failed(error.into()))
}

fn override_info<V: DatabaseRef>(
    address: Address,
    change: &AccountOverride,
    db: &mut CacheDB<V>,
) -> Result<(), V::Error> {
    if change.nonce.is_none() && change.code.is_none() && change.balance.is_none() {
        return Ok(());
    }
    let mut info = db.basic(address)?.unwrap_or_default();
    info.nonce = change.nonce.unwrap_or(info.nonce);
    info.balance = change.balance.unwrap_or(info.balance);
    if let Some(code) = &change.code {
        let code = bytecode(code);
        info.code_hash = code.hash_slow();
        info.code = Some(code);
    }
    db.insert_account_info(address, info);
    Ok(())
}

/// Any bytes can be code; a delegation of EIP-7702 only if it is well formed.
fn bytecode(code: &Bytes) -> Bytecode {
    Bytecode::new_raw_checked(code.clone()).unwrap_or_else(|_| Bytecode::new_legacy(code.clone()))
}

fn override_storage<V: DatabaseRef>(
    address: Address,
    change: &AccountOverride,
    db: &mut CacheDB<V>,
) -> Result<(), V::Error> {
    let word = |(slot, value): (&B256, &B256)| ((*slot).into(), (*value).into());
    if let Some(state) = &change.state {
        db.replace_account_storage(address, state.iter().map(word).collect())?;
    }
    for (slot, value) in change.state_diff.iter().flatten() {
        db.insert_account_storage(address, (*slot).into(), (*value).into())?;
    }
    if let Some(account) = db.cache.accounts.get_mut(&address)
        && account.account_state == AccountState::NotExisting
    {
        // It has slots now, so it exists, and all its other slots are empty.
        account.account_state = AccountState::StorageCleared;
    }
    Ok(())
}
