//! Reverse diffs: what a block overwrote. Looked up in their encoded form, which is also on disk.
//!
//! ```text
//! be32 accounts ‖ be32 groups ‖ be32 slots
//! accounts × (keccak(address) ‖ be32 end of its value)
//! groups   × (keccak(address) ‖ be32 end of its slots)
//! slots    × (keccak(slot)    ‖ be32 end of its value)
//! values: flat accounts (empty: did not exist), then big-endian slot values (empty: zero)
//! ```
//!
//! Accounts and groups ascend by key, and the slots of one group do.

use alloy_primitives::{B256, U256};

use super::{FlatAccount, StateError};

const HEADER: usize = 12;
const ROW: usize = 36;

/// An account's key and the slots a block overwrote in it.
pub(super) type SlotGroup = (B256, Vec<(B256, U256)>);

pub struct ReverseDiff {
    bytes: Vec<u8>,
    accounts: usize,
    groups: usize,
    slots: usize,
}

impl ReverseDiff {
    /// Accounts and groups sorted by key, slots within their group.
    pub(super) fn new(accounts: &[(B256, Option<FlatAccount>)], groups: &[SlotGroup]) -> Self {
        let slots: usize = groups.iter().map(|(_, slots)| slots.len()).sum();
        let rows = accounts.len() + groups.len() + slots;
        let mut bytes = Vec::with_capacity(HEADER + rows * ROW + accounts.len() * 24 + slots * 8);
        let mut values = Vec::new();
        for count in [accounts.len(), groups.len(), slots] {
            bytes.extend_from_slice(&be32(count));
        }
        for (key, account) in accounts {
            if let Some(account) = account {
                values.extend_from_slice(&account.encode());
            }
            push_row(&mut bytes, key, values.len());
        }
        let mut end = 0;
        for (key, slots) in groups {
            end += slots.len();
            push_row(&mut bytes, key, end);
        }
        for (key, value) in groups.iter().flat_map(|(_, slots)| slots) {
            values.extend_from_slice(&value.to_be_bytes_trimmed_vec());
            push_row(&mut bytes, key, values.len());
        }
        bytes.append(&mut values);
        Self {
            bytes,
            accounts: accounts.len(),
            groups: groups.len(),
            slots,
        }
    }

    pub(super) fn decode(bytes: Vec<u8>) -> Result<Self, StateError> {
        let count = |at: usize| Some(read_be32(bytes.get(at..at + 4)?));
        let counts = (|| Some((count(0)?, count(4)?, count(8)?)))();
        let diff = counts.map(|(accounts, groups, slots)| Self {
            accounts,
            groups,
            slots,
            bytes,
        });
        diff.filter(Self::is_sound)
            .ok_or_else(|| StateError::Corrupt("a reverse diff does not decode".into()))
    }

    pub(super) fn encoded(&self) -> &[u8] {
        &self.bytes
    }

    /// What the account was before the block; None: the block did not change it.
    pub(super) fn account(&self, hash: &B256) -> Result<Option<Option<FlatAccount>>, StateError> {
        let found = self.find(hash, 0, self.accounts);
        found.map(|row| self.account_value(row)).transpose()
    }

    /// What the slot was before the block; None: the block did not change it.
    pub(super) fn slot(&self, account: &B256, slot: &B256) -> Option<U256> {
        let group = self.find(account, self.accounts, self.accounts + self.groups)?;
        let (from, to) = self.group_rows(group);
        self.find(slot, from, to).map(|row| self.slot_value(row))
    }

    pub(super) fn accounts(
        &self,
    ) -> impl Iterator<Item = Result<(B256, Option<FlatAccount>), StateError>> {
        (0..self.accounts).map(|row| Ok((self.key(row), self.account_value(row)?)))
    }

    /// The slots of one account and their values before.
    pub(super) fn slots_of(&self, account: &B256) -> impl Iterator<Item = (B256, U256)> {
        let group = self.find(account, self.accounts, self.accounts + self.groups);
        let (from, to) = group.map_or((0, 0), |group| self.group_rows(group));
        (from..to).map(|row| (self.key(row), self.slot_value(row)))
    }

    fn rows(&self) -> usize {
        self.accounts + self.groups + self.slots
    }

    fn is_sound(&self) -> bool {
        let Some(values) = self.bytes.len().checked_sub(HEADER + self.rows() * ROW) else {
            return false;
        };
        let groups = self.accounts..self.accounts + self.groups;
        let ascends = |rows: std::ops::Range<usize>, from: usize, to: usize| {
            let mut ends = rows.map(|row| self.end(row));
            ends.try_fold(from, |last, end| (last <= end && end <= to).then_some(end)) == Some(to)
        };
        let first = match self.accounts {
            0 => 0,
            n => self.end(n - 1),
        };
        ascends(0..self.accounts, 0, first)
            && ascends(groups.clone(), 0, self.slots)
            && ascends(groups.end..self.rows(), first, values)
    }

    fn row(&self, row: usize) -> &[u8] {
        &self.bytes[HEADER + row * ROW..][..ROW]
    }

    fn key(&self, row: usize) -> B256 {
        B256::from_slice(&self.row(row)[..32])
    }

    fn end(&self, row: usize) -> usize {
        read_be32(&self.row(row)[32..])
    }

    fn group_rows(&self, group: usize) -> (usize, usize) {
        let base = self.accounts + self.groups;
        let from = if group == self.accounts {
            0
        } else {
            self.end(group - 1)
        };
        (base + from, base + self.end(group))
    }

    fn value(&self, row: usize) -> &[u8] {
        let first_slot = self.accounts + self.groups;
        let from = match row {
            0 => 0,
            row if row == first_slot && self.accounts == 0 => 0,
            row if row == first_slot => self.end(self.accounts - 1),
            row => self.end(row - 1),
        };
        &self.bytes[HEADER + self.rows() * ROW..][from..self.end(row)]
    }

    fn account_value(&self, row: usize) -> Result<Option<FlatAccount>, StateError> {
        match self.value(row) {
            [] => Ok(None),
            bytes => FlatAccount::decode(bytes).map(Some),
        }
    }

    fn slot_value(&self, row: usize) -> U256 {
        U256::try_from_be_slice(self.value(row)).unwrap_or_default()
    }

    fn find(&self, key: &B256, from: usize, to: usize) -> Option<usize> {
        let (mut low, mut high) = (from, to);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.row(middle)[..32].cmp(key.as_slice()) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }
}

fn push_row(out: &mut Vec<u8>, key: &B256, end: usize) {
    out.extend_from_slice(key.as_slice());
    out.extend_from_slice(&be32(end));
}

fn be32(value: usize) -> [u8; 4] {
    u32::try_from(value)
        .expect("a block changes less than 4 GiB of state")
        .to_be_bytes()
}

fn read_be32(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .fold(0, |sum, byte| sum << 8 | usize::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> ReverseDiff {
        let hash = B256::repeat_byte;
        let rich = FlatAccount {
            balance: U256::MAX,
            storage_root: hash(3),
            ..Default::default()
        };
        ReverseDiff::new(
            &[
                (hash(1), None),
                (hash(2), Some(rich)),
                (hash(9), Some(FlatAccount::default())),
            ],
            &[
                (
                    hash(2),
                    vec![(hash(5), U256::ZERO), (hash(6), U256::from(7))],
                ),
                (hash(9), vec![(hash(6), U256::MAX)]),
            ],
        )
    }

    #[test]
    fn finds_what_was_overwritten() {
        let encoded = sample().encoded().to_vec();
        let diff = ReverseDiff::decode(encoded).unwrap();
        let hash = B256::repeat_byte;
        assert_eq!(diff.account(&hash(1)).unwrap(), Some(None));
        assert_eq!(
            diff.account(&hash(2)).unwrap().unwrap().unwrap().balance,
            U256::MAX
        );
        assert_eq!(diff.account(&hash(3)).unwrap(), None);
        assert_eq!(diff.slot(&hash(2), &hash(5)), Some(U256::ZERO));
        assert_eq!(diff.slot(&hash(2), &hash(6)), Some(U256::from(7)));
        assert_eq!(diff.slot(&hash(9), &hash(6)), Some(U256::MAX));
        assert_eq!(diff.slot(&hash(9), &hash(5)), None);
        assert_eq!(diff.slot(&hash(1), &hash(5)), None);
        assert_eq!(diff.accounts().count(), 3);
        let slots = vec![(hash(5), U256::ZERO), (hash(6), U256::from(7))];
        assert_eq!(diff.slots_of(&hash(2)).collect::<Vec<_>>(), slots);
        assert_eq!(diff.slots_of(&hash(1)).count(), 0);
    }

    #[test]
    fn takes_an_empty_diff_and_one_of_slots_only() {
        let empty = ReverseDiff::new(&[], &[]);
        assert_eq!(
            ReverseDiff::decode(empty.encoded().to_vec())
                .unwrap()
                .accounts()
                .count(),
            0
        );
        let hash = B256::repeat_byte(1);
        let diff = ReverseDiff::new(&[], &[(hash, vec![(hash, U256::from(5))])]);
        let diff = ReverseDiff::decode(diff.encoded().to_vec()).unwrap();
        assert_eq!(diff.slot(&hash, &hash), Some(U256::from(5)));
    }

    #[test]
    fn refuses_what_is_cut_or_too_long() {
        let encoded = sample().encoded().to_vec();
        for length in 0..encoded.len() {
            assert!(
                ReverseDiff::decode(encoded[..length].to_vec()).is_err(),
                "{length}"
            );
        }
        assert!(ReverseDiff::decode([encoded, vec![0]].concat()).is_err());
    }
}
