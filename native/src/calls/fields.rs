//! Reading typed members out of a JSON object, with geth's strictness and errors that name the field.

use alloy_primitives::{Address, B256, Bytes, U256};
use serde_json::{Map, Value};

use super::refusal::Refusal;

type Parsed<T> = Result<T, Refusal>;

/// The members of one JSON object. `place` says where it stands in the request.
pub struct Fields<'a> {
    place: &'a str,
    members: &'a Map<String, Value>,
}

/// Parses `text` as JSON of any shape.
pub fn parse(text: &[u8], place: &str) -> Parsed<Value> {
    serde_json::from_slice(text)
        .map_err(|error| malformed(place, &format!("invalid JSON: {error}")))
}

fn malformed(place: &str, why: &str) -> Refusal {
    Refusal::malformed(format!("invalid argument: {place}: {why}"))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

impl<'a> Fields<'a> {
    pub fn of(value: &'a Value, place: &'a str) -> Parsed<Self> {
        match value {
            Value::Object(members) => Ok(Self { place, members }),
            other => Err(malformed(
                place,
                &format!("an object is expected, not {}", kind(other)),
            )),
        }
    }

    /// The member, unless it is absent or null.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    pub fn refuse(&self, name: &str, why: &str) -> Refusal {
        malformed(self.place, &format!("field \"{name}\": {why}"))
    }

    fn read<T>(
        &self,
        name: &str,
        convert: impl FnOnce(&str) -> Result<T, String>,
    ) -> Parsed<Option<T>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => convert(text)
                .map(Some)
                .map_err(|why| self.refuse(name, &why)),
            Some(other) => {
                Err(self.refuse(name, &format!("a string is expected, not {}", kind(other))))
            }
        }
    }

    pub fn address(&self, name: &str) -> Parsed<Option<Address>> {
        self.read(name, address)
    }

    pub fn hash(&self, name: &str) -> Parsed<Option<B256>> {
        self.read(name, hash)
    }

    pub fn bytes(&self, name: &str) -> Parsed<Option<Bytes>> {
        self.read(name, |text| bytes(text).map(Bytes::from))
    }

    pub fn u256(&self, name: &str) -> Parsed<Option<U256>> {
        self.read(name, quantity)
    }

    /// A number that may be written with leading zeros, as signature values often are.
    pub fn u256_padded(&self, name: &str) -> Parsed<Option<U256>> {
        self.read(name, |text| {
            let digits = digits(text)?.trim_start_matches('0');
            quantity(&format!(
                "0x{}",
                if digits.is_empty() { "0" } else { digits }
            ))
        })
    }

    pub fn u64(&self, name: &str) -> Parsed<Option<u64>> {
        self.read(name, quantity_u64)
    }

    pub fn flag(&self, name: &str) -> Parsed<Option<bool>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => {
                Err(self.refuse(name, &format!("a bool is expected, not {}", kind(other))))
            }
        }
    }

    /// A JSON number, for the few members that are not hex strings.
    pub fn number(&self, name: &str) -> Parsed<Option<u64>> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => value.as_u64().map(Some).ok_or_else(|| {
                self.refuse(
                    name,
                    &format!("a non-negative number is expected, not {}", kind(value)),
                )
            }),
        }
    }

    pub fn text(&self, name: &str) -> Parsed<Option<&'a str>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => {
                Err(self.refuse(name, &format!("a string is expected, not {}", kind(other))))
            }
        }
    }

    pub fn list(&self, name: &str) -> Parsed<Option<&'a [Value]>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(other) => {
                Err(self.refuse(name, &format!("an array is expected, not {}", kind(other))))
            }
        }
    }

    pub fn hashes(&self, name: &str) -> Parsed<Option<Vec<B256>>> {
        let Some(items) = self.list(name)? else {
            return Ok(None);
        };
        let item = |value: &Value| match value {
            Value::String(text) => hash(text).map_err(|why| self.refuse(name, &why)),
            other => Err(self.refuse(name, &format!("a string is expected, not {}", kind(other)))),
        };
        items.iter().map(item).collect::<Parsed<Vec<_>>>().map(Some)
    }

    /// Names and values of all members, in the order of the text.
    pub fn members(&self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.members.iter()
    }
}

fn digits(text: &str) -> Result<&str, String> {
    if text.is_empty() {
        return Err("empty hex string".into());
    }
    text.strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))
        .ok_or_else(|| "hex string without 0x prefix".into())
}

/// Hex data of any even length.
pub fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let digits = digits(text)?;
    if digits.len() % 2 == 1 {
        return Err("hex string of odd length".into());
    }
    alloy_primitives::hex::decode(digits).map_err(|_| "invalid hex string".into())
}

fn fixed<const N: usize>(text: &str) -> Result<[u8; N], String> {
    let digits = digits(text)?;
    if digits.len() != 2 * N {
        return Err(format!(
            "hex string has length {}, want {}",
            digits.len(),
            2 * N
        ));
    }
    let mut out = [0; N];
    alloy_primitives::hex::decode_to_slice(digits, &mut out).map_err(|_| "invalid hex string")?;
    Ok(out)
}

pub fn address(text: &str) -> Result<Address, String> {
    fixed::<20>(text).map(Address::from)
}

pub fn hash(text: &str) -> Result<B256, String> {
    fixed::<32>(text).map(B256::from)
}

/// A hex number without leading zeros.
pub fn quantity(text: &str) -> Result<U256, String> {
    let digits = digits(text)?;
    if digits.is_empty() {
        return Err("hex string \"0x\"".into());
    }
    if digits.len() > 1 && digits.starts_with('0') {
        return Err("hex number with leading zero digits".into());
    }
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err("invalid hex string".into());
    }
    if digits.len() > 64 {
        return Err("hex number > 256 bits".into());
    }
    U256::from_str_radix(digits, 16).map_err(|_| "invalid hex string".into())
}

pub fn quantity_u64(text: &str) -> Result<u64, String> {
    u64::try_from(quantity(text)?).map_err(|_| "hex number > 64 bits".into())
}
