//! The flat form of an account, as it stands in table `a`, in reverse diffs and in caches.
//!
//! Encoding: one byte of flags, then what they announce.
//!
//! ```text
//! flags   bit 0: code hash present   bit 1: storage root present
//! nonce   u8 length (0..8) ‖ big-endian without leading zeros
//! balance u8 length (0..32) ‖ big-endian without leading zeros
//! [code hash 32 bytes] [storage root 32 bytes]
//! ```
//!
//! An absent code hash is that of no code, an absent storage root that of the empty trie.

use alloy_primitives::{B256, U256};
use alloy_trie::{EMPTY_ROOT_HASH, KECCAK_EMPTY, TrieAccount};
use revm::state::AccountInfo;

use super::StateError;

const HAS_CODE: u8 = 1;
const HAS_STORAGE: u8 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlatAccount {
    pub nonce: u64,
    /// Wei.
    pub balance: U256,
    /// Keccak of nothing where there is no code.
    pub code_hash: B256,
    /// Root of the empty trie where there is no storage.
    pub storage_root: B256,
}

impl Default for FlatAccount {
    fn default() -> Self {
        Self {
            nonce: 0,
            balance: U256::ZERO,
            code_hash: KECCAK_EMPTY,
            storage_root: EMPTY_ROOT_HASH,
        }
    }
}

impl FlatAccount {
    pub fn encode(&self) -> Vec<u8> {
        let mut flags = 0;
        let mut out = Vec::with_capacity(24);
        out.push(flags);
        push_trimmed(&mut out, &self.nonce.to_be_bytes());
        push_trimmed(&mut out, &self.balance.to_be_bytes::<32>());
        if self.code_hash != KECCAK_EMPTY {
            flags |= HAS_CODE;
            out.extend_from_slice(self.code_hash.as_slice());
        }
        if self.storage_root != EMPTY_ROOT_HASH {
            flags |= HAS_STORAGE;
            out.extend_from_slice(self.storage_root.as_slice());
        }
        out[0] = flags;
        out
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        parse(bytes).ok_or_else(|| StateError::Corrupt("a flat account does not decode".into()))
    }

    /// The value of the account trie's leaf.
    pub fn trie_value(&self) -> Vec<u8> {
        alloy_rlp::encode(TrieAccount {
            nonce: self.nonce,
            balance: self.balance,
            storage_root: self.storage_root,
            code_hash: self.code_hash,
        })
    }

    pub fn to_info(&self) -> AccountInfo {
        AccountInfo {
            balance: self.balance,
            nonce: self.nonce,
            code_hash: self.code_hash,
            account_id: None,
            code: None,
        }
    }
}

fn push_trimmed(out: &mut Vec<u8>, big_endian: &[u8]) {
    let zeros = big_endian.iter().take_while(|byte| **byte == 0).count();
    let digits = &big_endian[zeros..];
    out.push(digits.len() as u8);
    out.extend_from_slice(digits);
}

fn parse(bytes: &[u8]) -> Option<FlatAccount> {
    let (flags, rest) = bytes.split_first()?;
    let (nonce, rest) = take_trimmed(rest, 8)?;
    let (balance, rest) = take_trimmed(rest, 32)?;
    let (code_hash, rest) = take_hash(rest, flags & HAS_CODE != 0, KECCAK_EMPTY)?;
    let (storage_root, rest) = take_hash(rest, flags & HAS_STORAGE != 0, EMPTY_ROOT_HASH)?;
    rest.is_empty().then(|| FlatAccount {
        nonce: nonce
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        balance: U256::from_be_slice(balance),
        code_hash,
        storage_root,
    })
}

fn take_trimmed(bytes: &[u8], limit: u8) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    (*length <= limit).then(|| rest.split_at_checked(usize::from(*length)))?
}

fn take_hash(bytes: &[u8], present: bool, absent: B256) -> Option<(B256, &[u8])> {
    match present {
        false => Some((absent, bytes)),
        true => bytes
            .split_at_checked(32)
            .map(|(hash, rest)| (B256::from_slice(hash), rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_every_shape() {
        for nonce in [0, 1, 255, 256, u64::MAX] {
            for balance in [
                U256::ZERO,
                U256::from(1),
                U256::from(10).pow(U256::from(24)),
                U256::MAX,
            ] {
                for code_hash in [KECCAK_EMPTY, B256::repeat_byte(7)] {
                    for storage_root in [EMPTY_ROOT_HASH, B256::repeat_byte(9)] {
                        let account = FlatAccount {
                            nonce,
                            balance,
                            code_hash,
                            storage_root,
                        };
                        assert_eq!(FlatAccount::decode(&account.encode()).unwrap(), account);
                    }
                }
            }
        }
    }

    #[test]
    fn refuses_what_is_cut_or_too_long() {
        let encoded = FlatAccount {
            nonce: 300,
            ..Default::default()
        }
        .encode();
        assert!(FlatAccount::decode(&encoded[..encoded.len() - 1]).is_err());
        assert!(FlatAccount::decode(&[encoded.as_slice(), &[0]].concat()).is_err());
        assert!(FlatAccount::decode(&[0, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0]).is_err());
        assert!(FlatAccount::decode(&[]).is_err());
    }
}
