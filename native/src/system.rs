//! The system transaction: OP's deposit type 0x7E, at the top of every block.
//!
//! Encoding: <https://specs.optimism.io/protocol/deposits.html>. Execution is in `evm/handler.rs`.

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_rlp::{Decodable, Encodable, Header};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use revm::context::TxEnv;

use crate::convert::{self, bytes, hex_data, hex_quantity, hex_wide, int, wide};
use crate::errors::Error;

/// EIP-2718 type byte.
pub const SYSTEM_TYPE: u8 = 0x7e;

/// A decoded system transaction. It has no signature and pays no fee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemTransaction {
    pub source_hash: B256,
    pub sender: Address,
    pub to: Address,
    /// Wei created for the sender before execution, kept even if that fails.
    pub mint: u128,
    pub value: U256,
    pub gas_limit: u64,
    pub is_system: bool,
    pub data: Bytes,
}

impl SystemTransaction {
    pub fn encode(&self) -> Vec<u8> {
        let fields: [&dyn Encodable; 8] = [
            &self.source_hash,
            &self.sender,
            &self.to,
            &self.mint,
            &self.value,
            &self.gas_limit,
            &self.is_system,
            &self.data,
        ];
        let mut out = vec![SYSTEM_TYPE];
        alloy_rlp::encode_list::<_, dyn Encodable>(&fields, &mut out);
        out
    }

    /// Canonical encodings only.
    pub fn decode(raw: &[u8]) -> Result<Self, Error> {
        let (transaction, rest) = Self::parse(raw).map_err(|reason| Error::InvalidTransaction {
            code: "malformed",
            message: format!("system transaction does not decode: {reason}"),
        })?;
        if rest != 0 {
            return Err(Error::InvalidTransaction {
                code: "malformed",
                message: format!("system transaction is followed by {rest} more bytes"),
            });
        }
        Ok(transaction)
    }

    fn parse(raw: &[u8]) -> Result<(Self, usize), alloy_rlp::Error> {
        let Some((&SYSTEM_TYPE, mut rest)) = raw.split_first() else {
            return Err(alloy_rlp::Error::Custom("type byte is not 0x7e"));
        };
        let mut fields = Header::decode_bytes(&mut rest, true)?;
        let fields = &mut fields;
        let transaction = Self {
            source_hash: Decodable::decode(fields)?,
            sender: Decodable::decode(fields)?,
            to: Decodable::decode(fields)?,
            mint: Decodable::decode(fields)?,
            value: Decodable::decode(fields)?,
            gas_limit: Decodable::decode(fields)?,
            is_system: Decodable::decode(fields)?,
            data: Decodable::decode(fields)?,
        };
        Ok((transaction, rest.len() + fields.len()))
    }

    /// What revm executes; the mint is the handler's.
    pub fn env(&self) -> TxEnv {
        TxEnv {
            tx_type: SYSTEM_TYPE,
            caller: self.sender,
            gas_limit: self.gas_limit,
            gas_price: 0,
            kind: TxKind::Call(self.to),
            value: self.value,
            data: self.data.clone(),
            nonce: 0,
            chain_id: None,
            access_list: Default::default(),
            gas_priority_fee: None,
            blob_hashes: Vec::new(),
            max_fee_per_blob_gas: 0,
            authorization_list: Vec::new(),
        }
    }

    /// op-geth's JSON-RPC shape without the block fields.
    pub fn json_dict<'py>(&self, py: Python<'py>, hash: B256) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        let zero = intern!(py, "0x0");
        dict.set_item(intern!(py, "type"), hex_quantity(py, SYSTEM_TYPE))?;
        dict.set_item(intern!(py, "hash"), hex_data(py, hash))?;
        dict.set_item(intern!(py, "from"), hex_data(py, self.sender))?;
        dict.set_item(intern!(py, "to"), hex_data(py, self.to))?;
        dict.set_item(intern!(py, "gas"), hex_quantity(py, self.gas_limit))?;
        dict.set_item(intern!(py, "value"), hex_wide(py, self.value))?;
        dict.set_item(intern!(py, "input"), hex_data(py, &self.data))?;
        dict.set_item(intern!(py, "sourceHash"), hex_data(py, self.source_hash))?;
        dict.set_item(intern!(py, "mint"), hex_quantity(py, self.mint))?;
        dict.set_item(intern!(py, "isSystemTx"), self.is_system)?;
        for key in ["nonce", "gasPrice", "v", "r", "s"] {
            dict.set_item(key, zero)?;
        }
        Ok(dict)
    }
}

/// See `_native.pyi`.
#[pyclass(frozen, name = "SystemTransaction", module = "metis_node._native")]
pub struct PySystemTransaction {
    inner: SystemTransaction,
    encoded: Vec<u8>,
}

impl From<SystemTransaction> for PySystemTransaction {
    fn from(inner: SystemTransaction) -> Self {
        let encoded = inner.encode();
        Self { inner, encoded }
    }
}

#[pymethods]
impl PySystemTransaction {
    #[new]
    #[pyo3(signature = (*, source_hash, sender, to, mint, value, gas_limit, is_system, data))]
    #[allow(clippy::too_many_arguments)] // the fields of the type
    fn new(
        source_hash: &[u8],
        sender: &[u8],
        to: &[u8],
        mint: u128,
        value: &Bound<'_, PyAny>,
        gas_limit: u64,
        is_system: bool,
        data: &[u8],
    ) -> PyResult<Self> {
        let inner = SystemTransaction {
            source_hash: convert::hash(source_hash)?,
            sender: convert::address(sender)?,
            to: convert::address(to)?,
            mint,
            value: wide(value)?,
            gas_limit,
            is_system,
            data: Bytes::copy_from_slice(data),
        };
        Ok(inner.into())
    }

    #[staticmethod]
    fn decode(raw: &[u8]) -> PyResult<Self> {
        Ok(SystemTransaction::decode(raw)?.into())
    }

    #[getter]
    fn raw<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.encoded)
    }

    #[getter]
    fn hash<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, keccak256(&self.encoded).as_slice())
    }

    #[getter]
    fn source_hash<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, self.inner.source_hash.as_slice())
    }

    #[getter]
    fn sender<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, self.inner.sender.as_slice())
    }

    #[getter]
    fn to<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, self.inner.to.as_slice())
    }

    #[getter]
    fn mint(&self) -> u128 {
        self.inner.mint
    }

    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        int(py, self.inner.value)
    }

    #[getter]
    fn gas_limit(&self) -> u64 {
        self.inner.gas_limit
    }

    #[getter]
    fn is_system(&self) -> bool {
        self.inner.is_system
    }

    #[getter]
    fn data<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.inner.data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;

    fn sample() -> SystemTransaction {
        SystemTransaction {
            source_hash: B256::repeat_byte(1),
            sender: Address::repeat_byte(2),
            to: Address::repeat_byte(3),
            mint: 1 << 70,
            value: U256::from(5),
            gas_limit: 1_000_000,
            is_system: false,
            data: Bytes::from_static(b"data"),
        }
    }

    #[test]
    fn round_trips() {
        let raw = sample().encode();
        assert_eq!(SystemTransaction::decode(&raw).unwrap(), sample());
    }

    #[test]
    fn encodes_as_the_specification_says() {
        let raw = SystemTransaction {
            mint: 0,
            value: U256::ZERO,
            ..sample()
        }
        .encode();
        let expected = format!(
            "7ef857a0{}94{}94{}8080830f424080{}",
            "01".repeat(32),
            "02".repeat(20),
            "03".repeat(20),
            "8464617461"
        );
        assert_eq!(hex::encode(raw), expected);
    }

    #[test]
    fn cut_or_longer_ones_are_refused() {
        let raw = sample().encode();
        for end in 0..raw.len() {
            assert!(SystemTransaction::decode(&raw[..end]).is_err());
        }
        assert!(SystemTransaction::decode(&[raw, vec![0]].concat()).is_err());
    }
}
