//! The header fields that follow from execution.

use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_primitives::B256;
use alloy_trie::EMPTY_ROOT_HASH;

use super::rules::Rules;
use crate::header::EMPTY_REQUESTS_HASH;
use crate::records::Summary;

/// What execution says about a block, in the header's terms.
pub struct Results<'a> {
    pub state_root: B256,
    pub gas_used: u64,
    pub blob_gas_used: u64,
    pub summary: &'a Summary,
}

/// Excess blob gas of the child of `parent` (EIP-4844, EIP-7918); 0 on chains without blobs.
pub fn excess_blob_gas(rules: &Rules, parent: &Header, timestamp: u64) -> u64 {
    let Some(params) = rules.blob_params(timestamp).filter(|_| rules.blobs) else {
        return 0;
    };
    params.next_block_excess_blob_gas_osaka(
        parent.excess_blob_gas.unwrap_or_default(),
        parent.blob_gas_used.unwrap_or_default(),
        parent.base_fee_per_gas.unwrap_or_default(),
    )
}

/// `template` with everything that execution decides.
pub fn fill(template: Header, results: &Results<'_>) -> Header {
    Header {
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        state_root: results.state_root,
        transactions_root: results.summary.transactions_root,
        receipts_root: results.summary.receipts_root,
        logs_bloom: results.summary.bloom,
        gas_used: results.gas_used,
        withdrawals_root: Some(EMPTY_ROOT_HASH),
        blob_gas_used: Some(results.blob_gas_used),
        requests_hash: Some(EMPTY_REQUESTS_HASH),
        ..template
    }
}

/// The first field in which a claimed header differs from the right one, with both values.
pub fn difference(claimed: &Header, right: &Header) -> Option<String> {
    let fields: [(&str, String, String); 10] = [
        (
            "gasUsed",
            claimed.gas_used.to_string(),
            right.gas_used.to_string(),
        ),
        (
            "stateRoot",
            claimed.state_root.to_string(),
            right.state_root.to_string(),
        ),
        (
            "transactionsRoot",
            claimed.transactions_root.to_string(),
            right.transactions_root.to_string(),
        ),
        (
            "receiptsRoot",
            claimed.receipts_root.to_string(),
            right.receipts_root.to_string(),
        ),
        (
            "logsBloom",
            claimed.logs_bloom.to_string(),
            right.logs_bloom.to_string(),
        ),
        (
            "sha3Uncles",
            claimed.ommers_hash.to_string(),
            right.ommers_hash.to_string(),
        ),
        (
            "withdrawalsRoot",
            text(claimed.withdrawals_root),
            text(right.withdrawals_root),
        ),
        (
            "blobGasUsed",
            text(claimed.blob_gas_used),
            text(right.blob_gas_used),
        ),
        (
            "excessBlobGas",
            text(claimed.excess_blob_gas),
            text(right.excess_blob_gas),
        ),
        (
            "requestsHash",
            text(claimed.requests_hash),
            text(right.requests_hash),
        ),
    ];
    fields
        .into_iter()
        .find(|(_, claimed, right)| claimed != right)
        .map(|(name, claimed, right)| {
            format!("{name} differs: header has {claimed}, execution gives {right}")
        })
}

fn text(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "nothing".into(), |value| value.to_string())
}
