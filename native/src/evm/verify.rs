//! A sealed block, executed on the head from nothing but committed state.

use std::sync::Arc;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, U256};
use rayon::prelude::*;
use revm::database::BundleState;

use super::block::{Chain, check_place, check_system_count, invalid_at, prefetch};
use super::execute::{Executed, Executor, Failure};
use super::rules::Rules;
use super::seal::{self, Results};
use crate::errors::Error;
use crate::header::{self, Sealed};
use crate::records::{self, Record, Write};
use crate::state::{StateChanges, StatePrepared};
use crate::system::{SYSTEM_TYPE, SystemTransaction};
use crate::transaction::{Transaction, decode};

/// The effects of one verified block.
pub struct Prepared {
    pub sealed: Sealed,
    pub state: StatePrepared,
    /// Records and indexes.
    pub writes: Vec<Write>,
    pub records: Vec<Arc<Record>>,
    pub hashes: Vec<B256>,
    pub log_count: usize,
    pub changed_accounts: Vec<(Address, u64, U256)>,
}

/// A transaction of a block to verify.
pub enum Item {
    System(Bytes, SystemTransaction),
    Signed(Arc<Transaction>),
    Raw(Bytes),
}

/// Executes a sealed block on the head; InvalidBlock names the first difference.
pub fn verify(chain: Chain<'_>, rlp: &[u8], items: Vec<Item>) -> Result<Prepared, Error> {
    let claimed = header::decode(rlp)?;
    check_place(chain, &claimed)?;
    let excess = seal::excess_blob_gas(chain.rules, &chain.head.header, claimed.timestamp);
    if claimed.excess_blob_gas != Some(excess) {
        return Err(Error::InvalidBlock(format!(
            "excessBlobGas differs: header has {}, its parent gives {excess}",
            claimed.excess_blob_gas.unwrap_or_default()
        )));
    }
    let items = decode_items(chain.rules, items)?;
    let executed = execute(chain, &claimed, &items)?;
    prepare(chain, claimed, executed)
}

fn execute(chain: Chain<'_>, header: &Header, items: &[Item]) -> Result<Executed, Error> {
    let view = chain.state.view(chain.head.header.number)?;
    prefetch(&view, header, items.iter().filter_map(signed))?;
    let mut executor = Executor::begin(view, chain.rules, header)?;
    for (index, item) in items.iter().enumerate() {
        match item {
            Item::System(raw, transaction) => executor.system(raw.clone(), transaction)?,
            Item::Signed(transaction) => match executor.transaction(transaction) {
                Ok(()) => {}
                Err(Failure::Fatal(error)) => return Err(error),
                Err(Failure::Refused(refusal)) => {
                    return Err(invalid_at(index, transaction.hash, &refusal));
                }
            },
            Item::Raw(_) => return Err(Error::Internal("an undecoded transaction".into())),
        }
    }
    Ok(executor.finish())
}

fn signed(item: &Item) -> Option<&Transaction> {
    match item {
        Item::Signed(transaction) => Some(transaction),
        _ => None,
    }
}

fn prepare(chain: Chain<'_>, claimed: Header, executed: Executed) -> Result<Prepared, Error> {
    let number = claimed.number;
    let changes = StateChanges::from_bundle(&executed.bundle);
    let ((summary, hashes, writes), state) = rayon::join(
        || {
            let summary = records::summarize(&executed.records);
            let hashes: Vec<B256> = executed.records.iter().map(Record::hash).collect();
            let writes = records::writes(number, &executed.records, &hashes, &summary.logs);
            (summary, hashes, writes)
        },
        || chain.state.prepare(number, &changes),
    );
    let state = state?;
    let results = Results {
        state_root: state.state_root,
        gas_used: executed.gas_used,
        blob_gas_used: executed.blob_gas_used,
        summary: &summary,
    };
    let right = seal::fill(claimed.clone(), &results);
    if let Some(difference) = seal::difference(&claimed, &right) {
        return Err(Error::InvalidBlock(difference));
    }
    Ok(Prepared {
        sealed: header::seal(claimed),
        state,
        writes,
        hashes,
        log_count: summary.logs.len(),
        records: executed.records.into_iter().map(Arc::new).collect(),
        changed_accounts: changed_accounts(&executed.bundle),
    })
}

/// Decodes what came raw, on all cores, and checks order, types and size.
fn decode_items(rules: &Rules, items: Vec<Item>) -> Result<Vec<Item>, Error> {
    let items: Vec<Item> = items
        .into_par_iter()
        .enumerate()
        .map(|(index, item)| decode_item(rules, index, item))
        .collect::<Result<_, _>>()?;
    let system = items.iter().take_while(|item| is_system(item)).count();
    check_system_count(rules, system)?;
    if let Some(late) = items.iter().skip(system).position(is_system) {
        return Err(Error::InvalidBlock(format!(
            "transaction {} is a system transaction (type 0x7e) after a signed one",
            system + late
        )));
    }
    let bytes: u64 = items.iter().map(size).sum();
    if bytes > rules.max_block_bytes {
        return Err(Error::InvalidBlock(format!(
            "transactions take {bytes} bytes, a block may have {}",
            rules.max_block_bytes
        )));
    }
    Ok(items)
}

fn decode_item(rules: &Rules, index: usize, item: Item) -> Result<Item, Error> {
    let invalid = |reason: String| Error::InvalidBlock(format!("transaction {index}: {reason}"));
    match item {
        Item::Raw(raw) if raw.first() == Some(&SYSTEM_TYPE) => {
            let transaction =
                SystemTransaction::decode(&raw).map_err(|e| invalid(e.to_string()))?;
            Ok(Item::System(raw, transaction))
        }
        Item::Raw(raw) => match decode(&raw, rules.chain_id, rules.blobs) {
            Ok(transaction) if transaction.sidecar.is_some() => {
                Err(invalid("a blob sidecar is no part of a block".into()))
            }
            Ok(transaction) => Ok(Item::Signed(Arc::new(transaction))),
            Err(refused) => Err(invalid(refused.message)),
        },
        other => Ok(other),
    }
}

fn is_system(item: &Item) -> bool {
    matches!(item, Item::System(..))
}

fn size(item: &Item) -> u64 {
    let raw = match item {
        Item::System(raw, _) | Item::Raw(raw) => raw,
        Item::Signed(transaction) => &transaction.raw,
    };
    raw.len() as u64
}

/// (address, nonce, balance) of every account whose nonce or balance changed.
pub fn changed_accounts(bundle: &BundleState) -> Vec<(Address, u64, U256)> {
    let facts = |info: &Option<revm::state::AccountInfo>| {
        info.as_ref()
            .map_or((0, U256::ZERO), |info| (info.nonce, info.balance))
    };
    bundle
        .state
        .iter()
        .filter(|(_, account)| facts(&account.info) != facts(&account.original_info))
        .map(|(address, account)| {
            let (nonce, balance) = facts(&account.info);
            (*address, nonce, balance)
        })
        .collect()
}
