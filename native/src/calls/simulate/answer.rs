//! The JSON of simulated blocks: geth's block object with the outcome of each call.

use alloy_consensus::Header;
use alloy_primitives::Log;
use alloy_rlp::{Encodable, Header as RlpHeader};
use serde_json::{Map, Value, json};

use super::block::{CallOutcome, SimulatedBlock};
use super::transaction::{Spot, quantity};
use super::transfers::IndexedLog;

/// One block of the answer.
pub fn block(block: &SimulatedBlock, full_transactions: bool) -> Value {
    let mut all = header(&block.header);
    all.insert("hash".into(), json!(block.hash));
    all.insert("size".into(), quantity(size(block)));
    all.insert(
        "transactions".into(),
        transactions(block, full_transactions),
    );
    all.insert("uncles".into(), json!([]));
    all.insert("withdrawals".into(), json!([]));
    all.insert("calls".into(), calls(block));
    Value::Object(all)
}

fn header(header: &Header) -> Map<String, Value> {
    let members = [
        ("parentHash", json!(header.parent_hash)),
        ("sha3Uncles", json!(header.ommers_hash)),
        ("miner", json!(header.beneficiary)),
        ("stateRoot", json!(header.state_root)),
        ("transactionsRoot", json!(header.transactions_root)),
        ("receiptsRoot", json!(header.receipts_root)),
        ("logsBloom", json!(header.logs_bloom)),
        ("difficulty", json!(header.difficulty)),
        ("number", quantity(header.number)),
        ("gasLimit", quantity(header.gas_limit)),
        ("gasUsed", quantity(header.gas_used)),
        ("timestamp", quantity(header.timestamp)),
        ("extraData", json!(header.extra_data)),
        ("mixHash", json!(header.mix_hash)),
        ("nonce", json!(header.nonce)),
        (
            "baseFeePerGas",
            quantity(header.base_fee_per_gas.unwrap_or_default()),
        ),
        ("withdrawalsRoot", json!(header.withdrawals_root)),
        (
            "blobGasUsed",
            quantity(header.blob_gas_used.unwrap_or_default()),
        ),
        (
            "excessBlobGas",
            quantity(header.excess_blob_gas.unwrap_or_default()),
        ),
        (
            "parentBeaconBlockRoot",
            json!(header.parent_beacon_block_root),
        ),
        ("requestsHash", json!(header.requests_hash)),
    ];
    members
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect()
}

/// Bytes of the block's RLP: header, transactions, no uncles, no withdrawals.
fn size(block: &SimulatedBlock) -> u64 {
    let list = |payload_length: usize| {
        let header = RlpHeader {
            list: true,
            payload_length,
        };
        header.length_with_payload()
    };
    let transaction = |call: &CallOutcome| {
        let raw = call.transaction.raw.as_slice();
        // A typed transaction is a string in the list, a legacy one is a list itself.
        if call.transaction.kind == 0 {
            raw.len()
        } else {
            raw.length()
        }
    };
    let transactions = list(block.calls.iter().map(transaction).sum());
    list(block.header.length() + transactions + 2 * list(0)) as u64
}

fn spot(block: &SimulatedBlock, index: usize) -> Spot {
    Spot {
        block_hash: block.hash,
        number: block.header.number,
        time: block.header.timestamp,
        index,
    }
}

fn transactions(block: &SimulatedBlock, full: bool) -> Value {
    let base_fee = block.header.base_fee_per_gas.unwrap_or_default();
    let transaction = |(index, call): (usize, &CallOutcome)| match full {
        true => call.transaction.json(spot(block, index), base_fee),
        false => json!(call.transaction.hash),
    };
    block.calls.iter().enumerate().map(transaction).collect()
}

fn calls(block: &SimulatedBlock) -> Value {
    let calls = block.calls.iter().enumerate();
    calls
        .map(|(index, call)| outcome(call, spot(block, index)))
        .collect()
}

fn outcome(call: &CallOutcome, spot: Spot) -> Value {
    let log = |(index, log): &IndexedLog| log_json(call, log, spot, *index);
    let mut all = json!({
        "returnData": call.output,
        "logs": call.logs.iter().map(log).collect::<Vec<_>>(),
        "gasUsed": quantity(call.gas_used),
        "maxUsedGas": quantity(call.max_used_gas),
        "status": quantity(u64::from(call.error.is_none())),
    });
    if let Some(error) = &call.error {
        all["error"] = json!({"code": error.code, "message": error.message});
        if let Some(data) = &error.data {
            all["error"]["data"] = json!(data);
        }
    }
    all
}

fn log_json(call: &CallOutcome, log: &Log, spot: Spot, index: u64) -> Value {
    json!({
        "address": log.address,
        "topics": log.data.topics(),
        "data": log.data.data,
        "blockNumber": quantity(spot.number),
        "transactionHash": call.transaction.hash,
        "transactionIndex": quantity(spot.index as u64),
        "blockHash": spot.block_hash,
        "blockTimestamp": quantity(spot.time),
        "logIndex": quantity(index),
        "removed": false,
    })
}
