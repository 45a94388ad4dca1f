//! debug_trace*: blocks and calls executed under geth's tracers, with the JSON as the result.
//!
//! Bounds: a deadline, and the bytes of the answer. An execution that reaches one is halted.

mod call_frames;
mod config;
mod replay;
mod struct_log;
mod tracer;

pub use config::TraceConfig;

use alloy_consensus::Header;
use alloy_rpc_types_eth::TransactionInfo;
use revm::DatabaseRef;
use revm::context::result::ResultAndState;

use self::replay::{Replay, Replayed};
use self::tracer::Tracer;
use super::refusal::{CallError, Refusal};
use super::request::CallRequest;
use super::scene::Scene;
use super::watch::{Allowance, Bounds, Deadline};
use crate::errors::Error;
use crate::evm::rules::Rules;

/// What bounds a trace.
#[derive(Debug, Clone, Copy)]
pub struct TraceBounds {
    pub deadline: Option<Deadline>,
    pub max_bytes: usize,
}

impl TraceBounds {
    /// The earlier of the node's deadline and the one of the request.
    pub fn new(deadline_ms: Option<u64>, config: &TraceConfig, max_bytes: usize) -> Self {
        let asked = config
            .timeout
            .map(|timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
        let timeout = [deadline_ms, asked].into_iter().flatten().min();
        Self {
            deadline: timeout.map(Deadline::in_ms),
            max_bytes,
        }
    }

    fn bounds(&self, left: usize) -> Bounds {
        Bounds {
            steps: None,
            deadline: self.deadline,
            bytes: Some(Allowance {
                left: left as u64,
                whole: self.max_bytes as u64,
            }),
        }
    }

    fn left(&self, written: usize) -> Result<usize, CallError> {
        let left = self.max_bytes.checked_sub(written);
        Ok(left.ok_or_else(|| self.too_large())?)
    }

    fn too_large(&self) -> Refusal {
        Refusal::refused(format!(
            "trace too large: more than {} bytes",
            self.max_bytes
        ))
    }
}

/// Traces the transaction at `index` of a block, or all of them. `parent` is the state before it.
pub fn trace_block<V: DatabaseRef<Error: Into<Error>>>(
    parent: V,
    rules: &Rules,
    header: &Header,
    transactions: &[&[u8]],
    index: Option<usize>,
    config: &TraceConfig,
    bounds: TraceBounds,
) -> Result<String, CallError> {
    if index.is_some_and(|index| index >= transactions.len()) {
        return Err(Refusal::refused("transaction not found").into());
    }
    let mut replay = Replay::begin(parent, rules, header)?;
    let mut all = String::from("[");
    for (position, raw) in transactions.iter().enumerate() {
        let transaction = Replayed::decode(raw, rules)?;
        if index.is_some_and(|index| position < index) {
            super::scene::in_time(bounds.deadline)?;
            replay.pass(&transaction)?;
            continue;
        }
        let left = bounds.left(all.len())?;
        let info = info(header, raw, position);
        let trace = trace_one(&mut replay, &transaction, config, bounds, left, info)?;
        if index.is_some() {
            return Ok(trace);
        }
        let comma = if position == 0 { "" } else { "," };
        let hash = replay::hash(raw);
        all.push_str(&format!(r#"{comma}{{"txHash":"{hash}","result":{trace}}}"#));
    }
    bounds.left(all.len())?;
    all.push(']');
    Ok(all)
}

fn info(header: &Header, raw: &[u8], position: usize) -> TransactionInfo {
    TransactionInfo {
        hash: Some(replay::hash(raw)),
        index: Some(position as u64),
        block_hash: Some(header.hash_slow()),
        block_number: Some(header.number),
        base_fee: header.base_fee_per_gas,
        ..TransactionInfo::default()
    }
}

fn trace_one<V: DatabaseRef<Error: Into<Error>>>(
    replay: &mut Replay<V>,
    transaction: &Replayed,
    config: &TraceConfig,
    bounds: TraceBounds,
    left: usize,
    info: TransactionInfo,
) -> Result<String, CallError> {
    let tracer = Tracer::new(&config.tracer, left);
    let gas_limit = transaction.gas_limit();
    replay.trace(
        transaction,
        tracer,
        bounds.bounds(left),
        |tracer, outcome, scene| finish(tracer, gas_limit, outcome, scene, bounds, left, info),
    )
}

/// The trace as JSON, unless it takes more than `left` bytes.
fn finish<V: DatabaseRef<Error: Into<Error>>>(
    tracer: Tracer,
    gas_limit: u64,
    outcome: &ResultAndState,
    scene: &Scene<V>,
    bounds: TraceBounds,
    left: usize,
    info: TransactionInfo,
) -> Result<String, CallError> {
    if tracer.overflowed() || tracer.least_bytes(&outcome.state) > left {
        return Err(bounds.too_large().into());
    }
    let trace = tracer.finish(gas_limit, outcome, &scene.db, info)?;
    if trace.len() > left {
        return Err(bounds.too_large().into());
    }
    Ok(trace)
}

/// Traces a call. The scene has no overrides yet: those of `config` are applied here.
pub fn trace_call<V: DatabaseRef<Error: Into<Error>>>(
    scene: &mut Scene<V>,
    request: &CallRequest,
    gas_cap: u64,
    config: &TraceConfig,
    bounds: TraceBounds,
) -> Result<String, CallError> {
    scene.override_state(&config.state_overrides)?;
    request.check(scene.cfg.chain_id)?;
    request.waive_fees(&mut scene.block);
    let gas_limit = request.gas.unwrap_or(gas_cap).min(gas_cap);
    let tx = request.to_tx(gas_limit, scene.cfg.chain_id);
    let left = bounds.max_bytes;
    let tracer = Tracer::new(&config.tracer, left);
    let traced = scene.inspect(request, tx, bounds.bounds(left), tracer);
    let (outcome, tracer, _) =
        traced.map_err(|error| error.reworded(|words| format!("tracing failed: {words}")))?;
    let info = TransactionInfo::default();
    finish(tracer, gas_limit, &outcome, scene, bounds, left, info)
}
