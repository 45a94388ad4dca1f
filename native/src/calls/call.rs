//! eth_call: one execution whose changes are forgotten.

use alloy_primitives::Bytes;
use revm::DatabaseRef;
use revm::context::result::ExecutionResult;

use super::refusal::CallError;
use super::request::CallRequest;
use super::scene::{Run, Scene};
use super::watch::Bounds;
use super::words;
use crate::errors::Error;

/// What a call gave, in geth's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub success: bool,
    pub output: Bytes,
    pub gas_used: u64,
    pub error: Option<String>,
}

impl From<Run> for Outcome {
    fn from(run: Run) -> Self {
        let gas_used = run.result.tx_gas_used();
        let error = error_words(&run);
        Self {
            success: run.result.is_success(),
            output: run.result.into_output().unwrap_or_default(),
            gas_used,
            error,
        }
    }
}

fn error_words(run: &Run) -> Option<String> {
    match &run.result {
        ExecutionResult::Success { .. } => None,
        ExecutionResult::Revert { output, .. } => Some(words::revert(output)),
        ExecutionResult::Halt { reason, .. } => Some(words::halt(reason, run.fault)),
    }
}

/// Executes `request`. `gas_cap` bounds its gas, and is what it gets if it names none.
pub fn call<V: DatabaseRef<Error: Into<Error>>>(
    scene: &mut Scene<V>,
    request: &CallRequest,
    gas_cap: u64,
    bounds: Bounds,
) -> Result<Outcome, CallError> {
    request.check(scene.cfg.chain_id)?;
    request.waive_fees(&mut scene.block);
    let gas_limit = request.gas.unwrap_or(gas_cap).min(gas_cap);
    let tx = request.to_tx(gas_limit, scene.cfg.chain_id);
    let run = scene.run(request, tx, bounds);
    run.map(Outcome::from)
        .map_err(|error| error.reworded(|words| format!("err: {words} (supplied gas {gas_limit})")))
}
