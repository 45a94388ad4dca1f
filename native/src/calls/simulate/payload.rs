//! The argument of eth_simulateV1, and the chain of blocks that it describes.

use alloy_primitives::U256;
use serde_json::Value;

use crate::calls::block_override::BlockOverride;
use crate::calls::fields::Fields;
use crate::calls::refusal::Refusal;
use crate::calls::request::CallRequest;
use crate::calls::state_override::{self, StateOverride};

/// Blocks of one simulation at most, gaps included.
const MAX_BLOCKS: u64 = 256;
/// Calls of one simulation at most.
const MAX_CALLS: usize = 10_000;

const NUMBER_INVALID: i32 = -38020;
const TIMESTAMP_INVALID: i32 = -38021;
const LIMIT_EXCEEDED: i32 = -38026;

/// The calls of one block, with what is changed before them.
#[derive(Debug, Clone, Default)]
pub struct BlockCalls {
    pub block: BlockOverride,
    pub state: StateOverride,
    pub calls: Vec<CallRequest>,
}

#[derive(Debug, Clone, Default)]
pub struct Payload {
    pub blocks: Vec<BlockCalls>,
    pub trace_transfers: bool,
    /// Nonces, funds and fees are checked as in a real block.
    pub validation: bool,
    pub full_transactions: bool,
}

/// A block with its place in the chain.
#[derive(Debug, Clone)]
pub struct Planned {
    pub number: u64,
    pub time: u64,
    pub calls: BlockCalls,
}

impl Payload {
    pub fn parse(value: &Value) -> Result<Self, Refusal> {
        let fields = Fields::of(value, "payload")?;
        let flag = |name| fields.flag(name).map(Option::unwrap_or_default);
        let blocks = fields.list("blockStateCalls")?.unwrap_or_default();
        if blocks.is_empty() {
            return Err(Refusal::malformed("empty input"));
        }
        if blocks.len() as u64 > MAX_BLOCKS {
            return Err(too_many("blocks"));
        }
        let blocks: Vec<_> = blocks.iter().map(block_calls).collect::<Result<_, _>>()?;
        if blocks.iter().map(|block| block.calls.len()).sum::<usize>() > MAX_CALLS {
            return Err(too_many("calls"));
        }
        Ok(Self {
            blocks,
            trace_transfers: flag("traceTransfers")?,
            validation: flag("validation")?,
            full_transactions: flag("returnFullTransactions")?,
        })
    }

    /// Numbers and times of the blocks after the base. Gaps are filled with empty blocks; a block
    /// without a time comes `step` seconds after the one before.
    pub fn plan(self, number: u64, time: u64, step: u64) -> Result<Vec<Planned>, Refusal> {
        let base = number;
        let (mut number, mut time) = (number, time);
        let mut chain = Vec::with_capacity(self.blocks.len());
        for calls in self.blocks {
            let wanted = next_number(&calls, number)?;
            if wanted - base > MAX_BLOCKS {
                return Err(too_many("blocks"));
            }
            for number in number + 1..wanted {
                time = after(time, step)?;
                chain.push(Planned {
                    number,
                    time,
                    calls: BlockCalls::default(),
                });
            }
            number = wanted;
            time = next_time(&calls, time, step)?;
            chain.push(Planned {
                number,
                time,
                calls,
            });
        }
        Ok(chain)
    }
}

fn block_calls(value: &Value) -> Result<BlockCalls, Refusal> {
    let fields = Fields::of(value, "blockStateCalls")?;
    let member = |name| fields.get(name).unwrap_or(&Value::Null);
    let calls = fields.list("calls")?.unwrap_or_default();
    Ok(BlockCalls {
        block: BlockOverride::parse(member("blockOverrides"), "blockOverrides")?,
        state: state_override::parse(member("stateOverrides"), "stateOverrides")?,
        calls: calls
            .iter()
            .map(|call| CallRequest::parse(call, "calls"))
            .collect::<Result<_, _>>()?,
    })
}

fn next_number(calls: &BlockCalls, last: u64) -> Result<u64, Refusal> {
    let Some(wanted) = calls.block.number else {
        return Ok(last + 1);
    };
    if wanted <= U256::from(last) {
        return Err(Refusal::new(
            NUMBER_INVALID,
            format!("block numbers must be in order: {wanted} <= {last}"),
        ));
    }
    u64::try_from(wanted).map_err(|_| too_many("blocks"))
}

fn next_time(calls: &BlockCalls, last: u64, step: u64) -> Result<u64, Refusal> {
    match calls.block.time {
        None => after(last, step),
        Some(time) if time > last => Ok(time),
        Some(time) => Err(Refusal::new(
            TIMESTAMP_INVALID,
            format!("block timestamps must be in order: {time} <= {last}"),
        )),
    }
}

fn after(time: u64, step: u64) -> Result<u64, Refusal> {
    time.checked_add(step)
        .ok_or_else(|| Refusal::new(TIMESTAMP_INVALID, "block timestamp is too high"))
}

fn too_many(what: &str) -> Refusal {
    Refusal::new(LIMIT_EXCEEDED, format!("too many {what}"))
}
