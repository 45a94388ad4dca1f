//! What the header says about a block's transactions: roots and bloom.

use alloy_primitives::{B256, Bloom};
use alloy_trie::root::ordered_trie_root_encoded;
use rayon::prelude::*;

use super::{LogDigests, Record};

/// Bodies of a block in the header's terms.
pub struct Summary {
    pub transactions_root: B256,
    pub receipts_root: B256,
    pub bloom: Bloom,
    /// All logs in order.
    pub logs: Vec<LogDigests>,
}

pub fn summarize(records: &[Record]) -> Summary {
    let (transactions_root, (logs, receipts_root, bloom)) = rayon::join(
        || {
            let raws: Vec<&[u8]> = records.iter().map(|r| r.raw.as_ref()).collect();
            ordered_trie_root_encoded(&raws)
        },
        || receipts(records),
    );
    Summary {
        transactions_root,
        receipts_root,
        bloom,
        logs,
    }
}

fn receipts(records: &[Record]) -> (Vec<LogDigests>, B256, Bloom) {
    let encoded: Vec<(Vec<LogDigests>, Bloom, Vec<u8>)> = records
        .par_iter()
        .enumerate()
        .with_min_len(64)
        .map(receipt)
        .collect();
    let mut bloom = Bloom::ZERO;
    let mut logs = Vec::new();
    let mut items = Vec::with_capacity(records.len());
    for (digests, receipt_bloom, item) in encoded {
        if !digests.is_empty() {
            bloom.accrue_bloom(&receipt_bloom);
        }
        logs.extend(digests);
        items.push(item);
    }
    (logs, ordered_trie_root_encoded(&items), bloom)
}

fn receipt((index, record): (usize, &Record)) -> (Vec<LogDigests>, Bloom, Vec<u8>) {
    let digests: Vec<_> = record
        .logs
        .iter()
        .map(|log| LogDigests::new(index, log))
        .collect();
    let mut bloom = Bloom::ZERO;
    for digest in &digests {
        digest.accrue(&mut bloom);
    }
    let encoded = record.receipt(&bloom);
    (digests, bloom, encoded)
}
