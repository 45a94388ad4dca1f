//! The record of one transaction: the transaction, its sender and its receipt, as stored.
//!
//! ```text
//! version u8 = 1 ‖ flags u8 (bit 0: success) ‖ sender 20 bytes
//! varints: gas used, cumulative gas used, effective gas price, blob gas price, first log index
//! varint length ‖ raw transaction
//! varint count ‖ logs: address 20 bytes, topic count u8, topics 32 bytes each, varint length ‖ data
//! ```

use std::sync::OnceLock;

use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, Bloom, BloomInput, Bytes, Log, LogData, keccak256};
use alloy_rlp::Encodable;

use super::varint;
use crate::system::{SYSTEM_TYPE, SystemTransaction};
use crate::transaction::{Envelope, created_address, envelope};

const VERSION: u8 = 1;
const SUCCESS: u8 = 1;
/// The EVM's LOG4 has the most topics.
const MAX_TOPICS: usize = 4;

/// The transaction of a record.
#[derive(Debug, Clone)]
pub enum Body {
    Signed(Box<Envelope>),
    System(Box<SystemTransaction>),
}

/// One transaction with its receipt. Prices in wei.
#[derive(Debug, Clone, Default)]
pub struct Record {
    pub raw: Bytes,
    pub sender: Address,
    pub success: bool,
    pub gas_used: u64,
    pub cumulative_gas_used: u64,
    pub effective_gas_price: u128,
    /// 0 unless type 3.
    pub blob_gas_price: u128,
    /// Index within the block of the first log.
    pub first_log_index: u64,
    pub logs: Vec<Log>,
    pub(crate) body: OnceLock<Option<Body>>,
    pub(crate) hash: OnceLock<B256>,
}

impl Record {
    /// A record of nothing yet.
    pub fn new(raw: Bytes, sender: Address, hash: B256) -> Self {
        Self {
            raw,
            sender,
            hash: hash.into(),
            ..Self::default()
        }
    }

    /// EIP-2718 type.
    pub fn tx_type(&self) -> u8 {
        self.raw.first().copied().filter(|b| *b < 0x80).unwrap_or(0)
    }

    pub fn hash(&self) -> B256 {
        *self.hash.get_or_init(|| keccak256(&self.raw))
    }

    /// The decoded transaction; None where the stored bytes are not one.
    pub fn body(&self) -> Option<&Body> {
        self.body.get_or_init(|| decode_body(&self.raw)).as_ref()
    }

    /// Address of the contract that a creation makes, successful or not.
    pub fn contract_address(&self) -> Option<Address> {
        match self.body()? {
            Body::Signed(tx) => created_address(tx.kind(), self.sender, tx.nonce()),
            Body::System(_) => None,
        }
    }

    pub fn blob_gas_used(&self) -> u64 {
        match self.body() {
            Some(Body::Signed(tx)) => tx.blob_gas_used().unwrap_or_default(),
            _ => 0,
        }
    }

    pub fn bloom(&self) -> Bloom {
        let mut bloom = Bloom::ZERO;
        for log in &self.logs {
            bloom.accrue(BloomInput::Raw(log.address.as_slice()));
            for topic in log.topics() {
                bloom.accrue(BloomInput::Raw(topic.as_slice()));
            }
        }
        bloom
    }

    /// EIP-2718 encoding of the receipt; type 0x7E like the others.
    pub fn receipt(&self, bloom: &Bloom) -> Vec<u8> {
        let fields: [&dyn Encodable; 4] =
            [&self.success, &self.cumulative_gas_used, bloom, &self.logs];
        let mut out = Vec::with_capacity(300 + 200 * self.logs.len());
        if self.tx_type() != 0 {
            out.push(self.tx_type());
        }
        alloy_rlp::encode_list::<_, dyn Encodable>(&fields, &mut out);
        out
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.raw.len() + 160 * self.logs.len());
        out.push(VERSION);
        out.push(if self.success { SUCCESS } else { 0 });
        out.extend_from_slice(self.sender.as_slice());
        for number in [
            u128::from(self.gas_used),
            u128::from(self.cumulative_gas_used),
            self.effective_gas_price,
            self.blob_gas_price,
            u128::from(self.first_log_index),
        ] {
            varint::put(&mut out, number);
        }
        put_bytes(&mut out, &self.raw);
        varint::put(&mut out, self.logs.len() as u128);
        for log in &self.logs {
            put_log(&mut out, log);
        }
        out
    }

    /// None where `bytes` are not exactly one record of a known version.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let rest = &mut &*bytes;
        if take(rest, 1)? != [VERSION] {
            return None;
        }
        let flags = take(rest, 1)?[0];
        if flags & !SUCCESS != 0 {
            return None;
        }
        let record = Self {
            success: flags & SUCCESS != 0,
            sender: Address::from_slice(take(rest, 20)?),
            gas_used: varint::take_u64(rest)?,
            cumulative_gas_used: varint::take_u64(rest)?,
            effective_gas_price: varint::take(rest)?,
            blob_gas_price: varint::take(rest)?,
            first_log_index: varint::take_u64(rest)?,
            raw: Bytes::copy_from_slice(take_bytes(rest)?),
            logs: take_logs(rest)?,
            body: OnceLock::new(),
            hash: OnceLock::new(),
        };
        rest.is_empty().then_some(record)
    }
}

fn decode_body(raw: &[u8]) -> Option<Body> {
    match raw.first()? {
        &SYSTEM_TYPE => SystemTransaction::decode(raw)
            .ok()
            .map(|tx| Body::System(Box::new(tx))),
        _ => envelope(raw).ok().map(|tx| Body::Signed(Box::new(tx))),
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    varint::put(out, bytes.len() as u128);
    out.extend_from_slice(bytes);
}

fn put_log(out: &mut Vec<u8>, log: &Log) {
    out.extend_from_slice(log.address.as_slice());
    out.push(log.topics().len() as u8);
    for topic in log.topics() {
        out.extend_from_slice(topic.as_slice());
    }
    put_bytes(out, &log.data.data);
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(head)
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = varint::take_u64(rest)?;
    take(rest, length.try_into().ok()?)
}

fn take_logs(rest: &mut &[u8]) -> Option<Vec<Log>> {
    let count = varint::take_u64(rest)?;
    let mut logs = Vec::new();
    for _ in 0..count {
        logs.push(take_log(rest)?);
    }
    Some(logs)
}

fn take_log(rest: &mut &[u8]) -> Option<Log> {
    let address = Address::from_slice(take(rest, 20)?);
    let count = usize::from(take(rest, 1)?[0]);
    if count > MAX_TOPICS {
        return None;
    }
    let topics = take(rest, 32 * count)?.chunks_exact(32);
    let topics = topics.map(B256::from_slice).collect();
    let data = Bytes::copy_from_slice(take_bytes(rest)?);
    Some(Log {
        address,
        data: LogData::new_unchecked(topics, data),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Record {
        let log = |topics: usize| {
            Log::new_unchecked(
                Address::repeat_byte(7),
                vec![B256::repeat_byte(8); topics],
                Bytes::from(vec![9; 100 * topics]),
            )
        };
        Record {
            raw: Bytes::from_static(&[2, 0xc0]),
            sender: Address::repeat_byte(1),
            success: true,
            gas_used: 21_000,
            cumulative_gas_used: u64::MAX,
            effective_gas_price: u128::MAX,
            first_log_index: 3,
            logs: (0..=4).map(log).collect(),
            ..Record::default()
        }
    }

    #[test]
    fn round_trips() {
        let record = sample();
        let decoded = Record::decode(&record.encode()).unwrap();
        assert_eq!(decoded.encode(), record.encode());
        assert_eq!(decoded.logs, record.logs);
        assert_eq!(decoded.effective_gas_price, u128::MAX);
        assert!(decoded.success);
    }

    #[test]
    fn cut_longer_and_unknown_versions_are_refused() {
        let bytes = sample().encode();
        for end in 0..bytes.len() {
            assert!(Record::decode(&bytes[..end]).is_none());
        }
        assert!(Record::decode(&[bytes.as_slice(), &[0]].concat()).is_none());
        let mut other = bytes;
        other[0] = 2;
        assert!(Record::decode(&other).is_none());
    }

    #[test]
    fn absurd_counts_end_early() {
        let mut bytes = Record::default().encode();
        bytes.pop();
        varint::put(&mut bytes, u128::from(u64::MAX));
        assert!(Record::decode(&bytes).is_none());
    }
}
