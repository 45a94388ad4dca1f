//! Block 0: the allocation of a genesis file becomes state.

use std::collections::BTreeMap;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, hex};
use revm::state::Bytecode;
use serde::Deserialize;

use super::seal::{self, Results};
use super::verify::Prepared;
use crate::errors::Error;
use crate::header;
use crate::records;
use crate::state::{AccountChange, AccountFields, StateChanges, StateStore};
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(default)]
    balance: Option<Number>,
    #[serde(default)]
    nonce: Option<Number>,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    storage: BTreeMap<String, String>,
}

/// Hex or decimal in a string, or a JSON number, as geth takes them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Small(u64),
    Text(String),
}

/// The effects of genesis. `template` has an empty state root.
pub fn prepare(
    state: &Arc<StateStore>,
    template: Header,
    alloc_json: &[u8],
) -> Result<Prepared, Error> {
    let changes = parse(alloc_json)?;
    let blob_gas_used = template.blob_gas_used.unwrap_or_default();
    let prepared = state.prepare(template.number, &changes)?;
    let summary = records::summarize(&[]);
    let header = seal::fill(
        template,
        &Results {
            state_root: prepared.state_root,
            gas_used: 0,
            blob_gas_used,
            summary: &summary,
        },
    );
    let fields = changes.accounts.iter().filter_map(|change| {
        let fields = change.fields?;
        Some((change.address, fields.nonce, fields.balance))
    });
    Ok(Prepared {
        changed_accounts: fields.collect(),
        sealed: header::seal(header),
        state: prepared,
        writes: Vec::new(),
        records: Vec::new(),
        hashes: Vec::new(),
        log_count: 0,
    })
}

fn parse(alloc_json: &[u8]) -> Result<StateChanges, Error> {
    let entries: BTreeMap<String, Entry> = serde_json::from_slice(alloc_json)
        .map_err(|e| Error::InvalidConfig(format!("genesis alloc does not parse: {e}")))?;
    let mut changes = StateChanges::default();
    let mut seen = std::collections::BTreeSet::new();
    for (name, entry) in &entries {
        let change = account(name, entry, &mut changes.codes)?;
        if !seen.insert(change.address) {
            return Err(invalid(name, "is listed twice"));
        }
        changes.accounts.push(change);
    }
    Ok(changes)
}

fn account(
    name: &str,
    entry: &Entry,
    codes: &mut Vec<(B256, Bytecode)>,
) -> Result<AccountChange, Error> {
    let address: Address = name
        .parse()
        .map_err(|_| invalid(name, "is not an address of 20 bytes"))?;
    let nonce = number(name, "nonce", &entry.nonce)?;
    let mut slots = Vec::new();
    for (key, value) in &entry.storage {
        let value = word(name, value)?;
        if !value.is_zero() {
            slots.push((word(name, key)?, value));
        }
    }
    Ok(AccountChange {
        address,
        fields: Some(AccountFields {
            nonce: u64::try_from(nonce).map_err(|_| invalid(name, "nonce exceeds 64 bits"))?,
            balance: number(name, "balance", &entry.balance)?,
            code_hash: code(name, entry, codes)?,
        }),
        wiped: false,
        slots,
    })
}

fn code(name: &str, entry: &Entry, codes: &mut Vec<(B256, Bytecode)>) -> Result<B256, Error> {
    let text = entry.code.as_deref().unwrap_or_default();
    let bytes = hex::decode(text).map_err(|e| invalid(name, &format!("code is not hex: {e}")))?;
    if bytes.is_empty() {
        return Ok(KECCAK256_EMPTY);
    }
    let code = Bytecode::new_raw_checked(Bytes::from(bytes))
        .map_err(|e| invalid(name, &format!("code cannot be deployed: {e}")))?;
    let hash = code.hash_slow();
    codes.push((hash, code));
    Ok(hash)
}

fn number(name: &str, field: &str, value: &Option<Number>) -> Result<U256, Error> {
    match value {
        None => Ok(U256::ZERO),
        Some(Number::Small(value)) => Ok(U256::from(*value)),
        Some(Number::Text(text)) => text.parse().map_err(|_| {
            invalid(
                name,
                &format!("{field} {text:?} is not a decimal or 0x number"),
            )
        }),
    }
}

/// A storage key or value: hex of at most 32 bytes.
fn word(name: &str, text: &str) -> Result<U256, Error> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    U256::from_str_radix(digits, 16).map_err(|_| {
        invalid(
            name,
            &format!("storage word {text:?} is not hex of 32 bytes"),
        )
    })
}

fn invalid(name: &str, reason: &str) -> Error {
    Error::InvalidConfig(format!("genesis alloc: account {name}: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn geths_forms_are_read() {
        let json = br#"{
            "0x00000000000000000000000000000000000000aa":
                {"balance": "0x10", "nonce": "0x2", "code": "0x60", "storage": {"0x1": "0x2", "0x3": "0x0"}},
            "00000000000000000000000000000000000000bb": {"balance": "1000", "nonce": 3}
        }"#;
        let changes = parse(json).unwrap();
        assert_eq!(changes.accounts.len(), 2);
        assert_eq!(changes.codes.len(), 1);
        let second = changes.accounts[0].fields.unwrap();
        assert_eq!((second.nonce, second.balance), (3, U256::from(1000)));
        assert_eq!(changes.accounts[1].slots, [(U256::from(1), U256::from(2))]);
    }

    #[test]
    fn mistakes_are_named() {
        for (json, word) in [
            (r#"{"0x12": {}}"#, "address"),
            (
                r#"{"00000000000000000000000000000000000000bb": {"balance": "lots"}}"#,
                "balance",
            ),
            (
                r#"{"00000000000000000000000000000000000000bb": {"code": "0xzz"}}"#,
                "code",
            ),
            (
                r#"{"00000000000000000000000000000000000000bb": {"cod": "0x"}}"#,
                "cod",
            ),
            (
                r#"{"00000000000000000000000000000000000000bb": {}, "0x00000000000000000000000000000000000000bb": {}}"#,
                "twice",
            ),
        ] {
            assert!(
                parse(json.as_bytes())
                    .unwrap_err()
                    .to_string()
                    .contains(word)
            );
        }
    }
}
