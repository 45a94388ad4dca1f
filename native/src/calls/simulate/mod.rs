//! eth_simulateV1: blocks of calls executed one after another on a chain that nobody keeps.
//!
//! <https://github.com/ethereum/execution-apis/blob/main/src/eth/execute.yaml>. Blocks have no system
//! transaction here, no withdrawals and no requests.

mod answer;
mod block;
mod changes;
mod payload;
mod transaction;
mod transfers;

use alloy_consensus::Header;
use alloy_primitives::{B256, U256};
use revm::DatabaseRef;
use serde_json::Value;

use self::payload::Payload;
use super::refusal::{CallError, Refusal};
use super::scene::Scene;
use super::watch::{Allowance, Bounds};
use crate::errors::Error;
use crate::evm::rules::Rules;
use crate::state::StateChanges;

/// Seconds between blocks that the request gives no time for.
const BLOCK_SECONDS: u64 = 12;

/// Bytes of the answer at most, as JSON.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Computes a state root from what differs from the base.
pub type Root<'a> = &'a dyn Fn(&StateChanges) -> Result<B256, Error>;

/// What a simulation begins on and is bounded by.
pub struct Base<'a, V> {
    pub view: V,
    pub rules: &'a Rules,
    pub header: Header,
    pub root: Root<'a>,
    /// Gas of all calls together.
    pub gas_cap: u64,
    pub bounds: Bounds,
}

struct Options {
    validation: bool,
    trace_transfers: bool,
}

/// A simulation in the middle of its blocks.
struct Simulation<'a, V> {
    scene: Scene<V>,
    rules: &'a Rules,
    root: Root<'a>,
    parent: (Header, B256),
    options: Options,
    gas_left: u64,
    bounds: Bounds,
}

/// The `result` member, as JSON.
pub fn simulate<V: DatabaseRef<Error: Into<Error>>>(
    base: Base<'_, V>,
    value: &Value,
) -> Result<String, CallError> {
    let payload = Payload::parse(value)?;
    let options = Options {
        validation: payload.validation,
        trace_transfers: payload.trace_transfers,
    };
    let full = payload.full_transactions;
    let planned = payload.plan(base.header.number, base.header.timestamp, BLOCK_SECONDS)?;
    let mut simulation = Simulation::new(base, options);
    let mut answer = String::from("[");
    for (position, block) in planned.into_iter().enumerate() {
        let block = simulation.execute(block)?;
        let comma = if position == 0 { "" } else { "," };
        answer.push_str(&format!("{comma}{}", answer::block(&block, full)));
        if answer.len() > MAX_ANSWER_BYTES {
            let words = format!("answer too large: more than {MAX_ANSWER_BYTES} bytes");
            return Err(Refusal::refused(words).into());
        }
    }
    answer.push(']');
    Ok(answer)
}

impl<'a, V: DatabaseRef<Error: Into<Error>>> Simulation<'a, V> {
    fn new(base: Base<'a, V>, options: Options) -> Self {
        let mut scene = Scene::new(base.view, base.rules, base.rules.block_env(&base.header));
        let hash = base.header.hash_slow();
        scene
            .db
            .cache
            .block_hashes
            .insert(U256::from(base.header.number), hash);
        Self {
            scene,
            rules: base.rules,
            root: base.root,
            parent: (base.header, hash),
            options,
            gas_left: base.gas_cap,
            bounds: Bounds {
                bytes: Some(Allowance {
                    left: MAX_ANSWER_BYTES as u64,
                    whole: MAX_ANSWER_BYTES as u64,
                }),
                ..base.bounds
            },
        }
    }

    fn state_root(&self) -> Result<B256, CallError> {
        let changes = changes::changes(&self.scene.db);
        let changes = changes.map_err(|error| CallError::Failed(error.into()))?;
        Ok((self.root)(&changes)?)
    }
}
