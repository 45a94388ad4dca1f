//! What building and verifying a block have in common: its place, and reading ahead.

use std::sync::Arc;

use alloy_consensus::{Header, Transaction as _};
use alloy_primitives::{B256, U256};

use super::refusal::Refusal;
use super::rules::Rules;
use crate::errors::Error;
use crate::header::Sealed;
use crate::state::{StateStore, StateView};
use crate::transaction::Transaction;

/// The head that a block stands on.
#[derive(Clone, Copy)]
pub struct Chain<'a> {
    pub rules: &'a Rules,
    pub state: &'a Arc<StateStore>,
    pub head: &'a Sealed,
}

pub(super) fn check_place(chain: Chain<'_>, header: &Header) -> Result<(), Error> {
    let head = chain.head;
    if Some(header.number) != head.header.number.checked_add(1) {
        return Err(Error::InvalidBlock(format!(
            "number differs: header has {}, the head is block {}",
            header.number, head.header.number
        )));
    }
    if header.parent_hash != head.hash {
        return Err(Error::InvalidBlock(format!(
            "parentHash differs: header has {}, the head is {}",
            header.parent_hash, head.hash
        )));
    }
    Ok(())
}

pub(super) fn check_system_count(rules: &Rules, count: usize) -> Result<(), Error> {
    match (rules.system_transactions, count) {
        (true, 0) => Err(Error::InvalidBlock(
            "a block of this chain starts with a system transaction (type 0x7e), but there is none"
                .into(),
        )),
        (false, 1..) => Err(Error::InvalidBlock(
            "this chain has no system transactions (type 0x7e)".into(),
        )),
        _ => Ok(()),
    }
}

pub(super) fn invalid_at(index: usize, hash: B256, refusal: &Refusal) -> Error {
    Error::InvalidBlock(format!(
        "could not apply tx {index} [{hash}]: {}",
        refusal.message
    ))
}

/// Loads the accounts and slots that the transactions name, with one read of the store.
pub(super) fn prefetch<'a>(
    view: &StateView,
    header: &Header,
    transactions: impl Iterator<Item = &'a Transaction>,
) -> Result<(), Error> {
    let mut addresses = vec![header.beneficiary];
    let mut slots = Vec::new();
    for transaction in transactions {
        addresses.push(transaction.sender);
        addresses.extend(transaction.envelope.to());
        for item in transaction
            .envelope
            .access_list()
            .into_iter()
            .flat_map(|list| list.iter())
        {
            addresses.push(item.address);
            let keys = item.storage_keys.iter();
            slots.extend(keys.map(|key| (item.address, U256::from_be_bytes(key.0))));
        }
    }
    addresses.sort_unstable();
    addresses.dedup();
    Ok(view.prefetch(&addresses, &slots)?)
}
