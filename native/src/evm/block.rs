//! Blocks: `build` makes one on the head, `verify` checks one and prepares its effects.
//!
//! Both read committed state only. What a build computed is dropped; `verify` starts from nothing.

use std::sync::Arc;
use std::time::Instant;

use alloy_consensus::{Header, Transaction as _};
use alloy_primitives::{Address, B256, Bytes, U256};
use revm::database::BundleState;

use super::execute::{Executed, Executor, Failure, MIN_TRANSACTION_GAS};
use super::refusal::Refusal;
use super::rules::Rules;
use super::seal::{self, Results};
use crate::errors::Error;
use crate::header::{self, Sealed};
use crate::records::{self, Record, Write};
use crate::state::{StateChanges, StatePrepared, StateStore, StateView};
use crate::system::{SYSTEM_TYPE, SystemTransaction};
use crate::transaction::{Transaction, decode};

/// The head that a block stands on.
#[derive(Clone, Copy)]
pub struct Chain<'a> {
    pub rules: &'a Rules,
    pub state: &'a Arc<StateStore>,
    pub head: &'a Sealed,
}

/// Bounds of a build.
pub struct Limits {
    /// Bytes of all transactions.
    pub max_bytes: u64,
    /// Work stops between two transactions.
    pub deadline: Option<Instant>,
    /// The first refused candidate makes the block invalid.
    pub strict: bool,
}

/// A sealed block that has not been written.
pub struct Built {
    pub sealed: Sealed,
    pub bytes: u64,
    /// Indexes into the candidates, in block order.
    pub included: Vec<usize>,
    pub skipped: Vec<(usize, Refusal)>,
    /// Raw, system transactions first.
    pub transactions: Vec<Bytes>,
    pub deadline_hit: bool,
}

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

/// Executes `system`, then as many of `candidates` as fit, and seals.
pub fn build(
    chain: Chain<'_>,
    template: Header,
    system: &[Bytes],
    candidates: &[Arc<Transaction>],
    limits: &Limits,
) -> Result<Built, Error> {
    check_place(chain, &template)?;
    check_system_count(chain.rules, system.len())?;
    let excess = seal::excess_blob_gas(chain.rules, &chain.head.header, template.timestamp);
    let template = Header {
        excess_blob_gas: Some(excess),
        ..template
    };
    let view = chain.state.view(chain.head.header.number)?;
    prefetch(&view, &template, candidates.iter().map(Arc::as_ref))?;
    let mut executor = Executor::begin(view, chain.rules, &template)?;
    for raw in system {
        executor.system(raw.clone(), &SystemTransaction::decode(raw)?)?;
    }
    let choice = fill_block(&mut executor, candidates, limits)?;
    let bytes = executor.bytes();
    let executed = executor.finish();
    let changes = StateChanges::from_bundle(&executed.bundle);
    let (root, summary) = rayon::join(
        || chain.state.state_root(&changes),
        || records::summarize(&executed.records),
    );
    let header = seal::fill(
        template,
        &Results {
            state_root: root?,
            gas_used: executed.gas_used,
            blob_gas_used: executed.blob_gas_used,
            summary: &summary,
        },
    );
    Ok(Built {
        sealed: header::seal(header),
        bytes,
        included: choice.included,
        skipped: choice.skipped,
        deadline_hit: choice.deadline_hit,
        transactions: executed.records.into_iter().map(|r| r.raw).collect(),
    })
}

#[derive(Default)]
struct Choice {
    included: Vec<usize>,
    skipped: Vec<(usize, Refusal)>,
    deadline_hit: bool,
}

fn fill_block(
    executor: &mut Executor,
    candidates: &[Arc<Transaction>],
    limits: &Limits,
) -> Result<Choice, Error> {
    let mut choice = Choice::default();
    for (index, candidate) in candidates.iter().enumerate() {
        choice.deadline_hit = choice.deadline_hit || passed(limits.deadline);
        let outcome = match room(executor, candidate, limits, choice.deadline_hit) {
            Some(refusal) => Err(Failure::Refused(refusal)),
            None => executor.transaction(candidate),
        };
        match outcome {
            Ok(()) => choice.included.push(index),
            Err(Failure::Fatal(error)) => return Err(error),
            Err(Failure::Refused(refusal)) if limits.strict => {
                return Err(invalid_at(index, candidate.hash, &refusal));
            }
            Err(Failure::Refused(refusal)) => choice.skipped.push((index, refusal)),
        }
    }
    Ok(choice)
}

fn passed(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| Instant::now() >= deadline)
}

/// Why `candidate` is not even tried.
fn room(
    executor: &Executor,
    candidate: &Transaction,
    limits: &Limits,
    late: bool,
) -> Option<Refusal> {
    if late {
        return Some(Refusal::new("deadline", "the block was due"));
    }
    if executor.gas_left() < MIN_TRANSACTION_GAS {
        return Some(Refusal::new("block_full", "gas limit reached"));
    }
    if executor.bytes() + candidate.raw.len() as u64 > limits.max_bytes {
        return Some(Refusal::new("size", "block size limit reached"));
    }
    None
}

fn invalid_at(index: usize, hash: B256, refusal: &Refusal) -> Error {
    Error::InvalidBlock(format!(
        "could not apply tx {index} [{hash}]: {}",
        refusal.message
    ))
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

fn check_place(chain: Chain<'_>, header: &Header) -> Result<(), Error> {
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

fn check_system_count(rules: &Rules, count: usize) -> Result<(), Error> {
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

/// Decodes what came raw, on all cores, and checks order, types and size.
fn decode_items(rules: &Rules, items: Vec<Item>) -> Result<Vec<Item>, Error> {
    use rayon::prelude::*;
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

/// Loads the accounts and slots that the transactions name, with one read of the store.
fn prefetch<'a>(
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
