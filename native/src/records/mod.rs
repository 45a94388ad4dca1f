//! What a block leaves behind besides state: one record for each transaction, indexes, roots.
//!
//! `record.rs` is the stored form (table `x`), `receipts.rs` what goes into the header, `log_index.rs`
//! the positions of logs by address and topic (table `l`), `python.rs` Python's face.

mod log_index;
pub mod python;
mod receipts;
mod record;
mod varint;

pub use log_index::{LogDigests, decode_positions, index_block};
pub use receipts::{Summary, summarize};
pub use record::{Body, Record};

use alloy_primitives::B256;

/// Key and value for the block's one atomic write.
pub type Write = (Vec<u8>, Option<Vec<u8>>);

const RECORDS: u8 = b'x';
const TRANSACTION_INDEX: u8 = b't';

/// Records, transaction index and log index of one block.
pub fn writes(number: u64, records: &[Record], hashes: &[B256], logs: &[LogDigests]) -> Vec<Write> {
    let mut out = Vec::with_capacity(2 * records.len() + 4 * logs.len());
    for (index, (record, hash)) in records.iter().zip(hashes).enumerate() {
        let place = place(number, index);
        out.push((
            [&[RECORDS], place.as_slice()].concat(),
            Some(record.encode()),
        ));
        out.push((
            [&[TRANSACTION_INDEX], hash.as_slice()].concat(),
            Some(place.to_vec()),
        ));
    }
    index_block(number, logs, &mut out);
    out
}

fn place(number: u64, index: usize) -> [u8; 12] {
    let mut place = [0; 12];
    place[..8].copy_from_slice(&number.to_be_bytes());
    place[8..].copy_from_slice(&(index as u32).to_be_bytes());
    place
}
