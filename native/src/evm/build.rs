//! A new block on the head: system transactions, then as many candidates as fit.
//!
//! What a build computed is dropped: its block counts only after `verify`, which starts from nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use alloy_consensus::Header;
use alloy_primitives::Bytes;

use super::block::{Chain, check_place, check_system_count, invalid_at, prefetch};
use super::execute::{Executor, Failure, MIN_TRANSACTION_GAS};
use super::refusal::Refusal;
use super::seal::{self, Results};
use crate::errors::Error;
use crate::guard::caught;
use crate::header::{self, Sealed};
use crate::records;
use crate::state::StateChanges;
use crate::system::SystemTransaction;
use crate::transaction::Transaction;

/// Candidates on which the EVM itself fails, before a build gives up.
const MAX_BROKEN: usize = 8;

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
    let mut broken = BTreeMap::new();
    loop {
        let mut executor = begin(chain, &template, system, candidates)
            .map_err(|e| unbuildable(chain, e, limits))?;
        match fill_block(&mut executor, candidates, &broken, limits) {
            Ok(choice) => return seal_block(chain, template, executor, choice),
            Err(Stop::Broken(index, message)) if broken.len() < MAX_BROKEN => {
                broken.insert(index, message);
            }
            Err(Stop::Broken(_, message)) => return Err(Error::Internal(message)),
            Err(Stop::Error(error)) => return Err(error),
        }
    }
}

fn begin(
    chain: Chain<'_>,
    template: &Header,
    system: &[Bytes],
    candidates: &[Arc<Transaction>],
) -> Result<Executor, Error> {
    let view = chain.state.view(chain.head.header.number)?;
    prefetch(&view, template, candidates.iter().map(Arc::as_ref))?;
    let mut executor = Executor::begin(view, chain.rules, template)?;
    for raw in system {
        executor.system(raw.clone(), &SystemTransaction::decode(raw)?)?;
    }
    Ok(executor)
}

/// What a block opens with is the builder's own: nothing that it could leave out is to blame.
fn unbuildable(chain: Chain<'_>, error: Error, limits: &Limits) -> Error {
    match error {
        Error::InvalidBlock(reason) if chain.rules.system_must_succeed && !limits.strict => {
            Error::Fatal(format!(
                "no block can be built: {reason}; this is a fault of the node, please report it"
            ))
        }
        other => other,
    }
}

fn seal_block(
    chain: Chain<'_>,
    template: Header,
    executor: Executor,
    choice: Choice,
) -> Result<Built, Error> {
    let bytes = executor.bytes();
    let executed = executor.finish();
    let changes = StateChanges::from_bundle(&executed.bundle);
    let (root, summary) = rayon::join(
        || chain.state.state_root(&changes),
        || records::summarize(&executed.records),
    );
    let results = Results {
        state_root: root?,
        gas_used: executed.gas_used,
        blob_gas_used: executed.blob_gas_used,
        summary: &summary,
    };
    Ok(Built {
        sealed: header::seal(seal::fill(template, &results)),
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

/// Why filling a block ended early.
enum Stop {
    /// The EVM failed on this candidate: what it left in memory is worthless.
    Broken(usize, String),
    Error(Error),
}

fn fill_block(
    executor: &mut Executor,
    candidates: &[Arc<Transaction>],
    broken: &BTreeMap<usize, String>,
    limits: &Limits,
) -> Result<Choice, Stop> {
    let mut choice = Choice::default();
    for (index, candidate) in candidates.iter().enumerate() {
        choice.deadline_hit = choice.deadline_hit || passed(limits.deadline);
        let refusal = match broken.get(&index) {
            Some(message) => Some(Refusal::new("invalid", message.clone())),
            None => room(executor, candidate, limits, choice.deadline_hit),
        };
        let outcome = match refusal {
            Some(refusal) => Some(refusal),
            None => attempt(executor, index, candidate)?,
        };
        match outcome {
            None => choice.included.push(index),
            Some(refusal) if limits.strict => {
                return Err(Stop::Error(invalid_at(index, candidate.hash, &refusal)));
            }
            Some(refusal) => choice.skipped.push((index, refusal)),
        }
    }
    Ok(choice)
}

/// Executes a candidate; why it was refused, if it was.
fn attempt(
    executor: &mut Executor,
    index: usize,
    candidate: &Transaction,
) -> Result<Option<Refusal>, Stop> {
    let executed = caught("execution", || Ok(executor.transaction(candidate).err()));
    match executed {
        Ok(None) => Ok(None),
        Ok(Some(Failure::Refused(refusal))) => Ok(Some(refusal)),
        Ok(Some(Failure::Fatal(Error::Internal(message)))) | Err(Error::Internal(message)) => {
            Err(Stop::Broken(index, message))
        }
        Ok(Some(Failure::Fatal(error))) | Err(error) => Err(Stop::Error(error)),
    }
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
