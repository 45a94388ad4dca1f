//! One table of the store, pulled chunk by chunk from its owner.

use std::ops::RangeInclusive;

use super::StateError;

pub type Row = (Vec<u8>, Vec<u8>);

/// Pairs of one table in key order, keys with their table prefix; None or empty: the end.
pub type Chunk = Option<Vec<Row>>;

/// The rows of a table, one by one, checked to be of it and ascending.
pub(super) struct Rows<'a> {
    pull: &'a mut dyn FnMut() -> Result<Chunk, StateError>,
    chunk: std::vec::IntoIter<Row>,
    last: Vec<u8>,
    table: u8,
    key_lengths: RangeInclusive<usize>,
    name: &'static str,
}

impl<'a> Rows<'a> {
    pub fn new(
        pull: &'a mut dyn FnMut() -> Result<Chunk, StateError>,
        table: u8,
        key_lengths: RangeInclusive<usize>,
        name: &'static str,
    ) -> Self {
        Self {
            pull,
            chunk: Vec::new().into_iter(),
            last: Vec::new(),
            table,
            key_lengths,
            name,
        }
    }

    pub fn next(&mut self) -> Result<Option<Row>, StateError> {
        let row = match self.chunk.next() {
            Some(row) => row,
            None => {
                self.chunk = (self.pull)()?.unwrap_or_default().into_iter();
                let Some(row) = self.chunk.next() else {
                    return Ok(None);
                };
                row
            }
        };
        if !self.key_lengths.contains(&row.0.len()) || row.0[0] != self.table {
            return Err(self.fault("a key that is not its own"));
        }
        if row.0 <= self.last {
            return Err(self.fault("keys that do not ascend"));
        }
        self.last.clone_from(&row.0);
        Ok(Some(row))
    }

    fn fault(&self, what: &str) -> StateError {
        StateError::Corrupt(format!("the table of {} has {what}", self.name))
    }
}
