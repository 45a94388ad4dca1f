//! Where logs are, by address and by topic at a position.
//!
//! Key: `l ‖ kind u8 ‖ first 16 bytes of keccak(address or topic) ‖ be64 number`; kind 0 is the address,
//! 1 to 4 the topic at position kind-1. Value: for each log, ascending, two varints: transaction index
//! and log index within the block, each less that of the log before.

use alloy_primitives::{B256, Bloom, BloomInput, Log, keccak256};
use revm::primitives::HashMap;

use super::{Write, varint};

const LOG_INDEX: u8 = b'l';
const MAX_DIGESTS: usize = 5;

/// Keccak of a log's address and topics: shared by bloom and index.
#[derive(Debug, Clone)]
pub struct LogDigests {
    pub transaction: u64,
    count: usize,
    digests: [B256; MAX_DIGESTS],
}

impl LogDigests {
    pub fn new(transaction: usize, log: &Log) -> Self {
        let mut digests = [B256::ZERO; MAX_DIGESTS];
        digests[0] = keccak256(log.address);
        let topics = log.topics().iter().take(MAX_DIGESTS - 1);
        for (digest, topic) in digests[1..].iter_mut().zip(topics) {
            *digest = keccak256(topic);
        }
        Self {
            transaction: transaction as u64,
            count: 1 + log.topics().len().min(MAX_DIGESTS - 1),
            digests,
        }
    }

    /// Digests in the order of their kinds.
    pub fn iter(&self) -> impl Iterator<Item = &B256> {
        self.digests[..self.count].iter()
    }

    pub fn accrue(&self, bloom: &mut Bloom) {
        for digest in self.iter() {
            bloom.accrue(BloomInput::Hash(*digest));
        }
    }
}

#[derive(Default)]
struct Positions {
    transaction: u64,
    log: u64,
    packed: Vec<u8>,
}

impl Positions {
    fn push(&mut self, transaction: u64, log: u64) {
        varint::put(&mut self.packed, u128::from(transaction - self.transaction));
        varint::put(&mut self.packed, u128::from(log - self.log));
        (self.transaction, self.log) = (transaction, log);
    }
}

/// Appends the log index of one block; `logs` are all its logs in order.
pub fn index_block(number: u64, logs: &[LogDigests], out: &mut Vec<Write>) {
    let mut index: HashMap<[u8; 17], Positions> = HashMap::default();
    for (place, log) in logs.iter().enumerate() {
        for (kind, digest) in log.iter().enumerate() {
            let mut key = [kind as u8; 17];
            key[1..].copy_from_slice(&digest[..16]);
            index
                .entry(key)
                .or_default()
                .push(log.transaction, place as u64);
        }
    }
    out.extend(index.into_iter().map(|(key, positions)| {
        let key = [&[LOG_INDEX], key.as_slice(), &number.to_be_bytes()].concat();
        (key, Some(positions.packed))
    }));
}

/// (transaction index, log index), ascending; None where the value is not of this form.
pub fn decode_positions(value: &[u8]) -> Option<Vec<(u64, u64)>> {
    let mut rest = value;
    let mut positions = Vec::new();
    let (mut transaction, mut log) = (0u64, 0u64);
    while !rest.is_empty() {
        transaction = transaction.checked_add(varint::take_u64(&mut rest)?)?;
        log = log.checked_add(varint::take_u64(&mut rest)?)?;
        positions.push((transaction, log));
    }
    let ascending = positions.windows(2).all(|pair| pair[0].1 < pair[1].1);
    ascending.then_some(positions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Address, Bytes};

    fn log(address: u8, topics: &[u8]) -> Log {
        let topics = topics.iter().map(|t| B256::repeat_byte(*t)).collect();
        Log::new_unchecked(Address::repeat_byte(address), topics, Bytes::new())
    }

    #[test]
    fn positions_are_found_under_address_and_topic() {
        let logs = [
            LogDigests::new(0, &log(1, &[5])),
            LogDigests::new(3, &log(1, &[6, 5])),
            LogDigests::new(300, &log(2, &[5])),
        ];
        let mut out = Vec::new();
        index_block(9, &logs, &mut out);
        let find = |kind: u8, digest: B256| {
            let key = [&[b'l', kind], &digest[..16], &9u64.to_be_bytes()].concat();
            let (_, value) = out.iter().find(|(k, _)| *k == key)?;
            decode_positions(value.as_ref()?)
        };
        let topic = keccak256(B256::repeat_byte(5));
        assert_eq!(
            find(0, keccak256(Address::repeat_byte(1))),
            Some(vec![(0, 0), (3, 1)])
        );
        assert_eq!(find(1, topic), Some(vec![(0, 0), (300, 2)]));
        assert_eq!(find(2, topic), Some(vec![(3, 1)]));
        assert_eq!(out.len(), 5);
    }

    #[test]
    fn values_that_do_not_ascend_are_refused() {
        assert_eq!(decode_positions(&[]), Some(vec![]));
        assert_eq!(decode_positions(&[0, 0, 0, 0]), None);
        assert_eq!(decode_positions(&[0]), None);
        assert_eq!(decode_positions(&[0, 0x80]), None);
    }
}
