//! `Transaction` and `decode_transactions` as Python sees them, and the JSON-RPC shape.

use std::sync::Arc;

use alloy_consensus::Transaction as _;
use alloy_eips::eip2930::AccessList;
use alloy_eips::eip7702::SignedAuthorization;
use alloy_primitives::{Address, B256, TxKind};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict, PyList};
use rayon::prelude::*;

use super::{Envelope, Refused, Transaction, decode_bounded};
use crate::convert::{bytes, hex_data, hex_quantity, hex_wide, int};
use crate::guard::detached;

/// Waking the pool costs more processor time than it saves waiting for fewer transactions than this.
const PARALLEL_FROM: usize = 64;

/// See `_native.pyi`.
#[pyclass(frozen, name = "Transaction", module = "metis_node._native")]
pub struct PyTransaction(pub Arc<Transaction>);

/// See `_native.pyi`.
#[pyfunction]
#[pyo3(signature = (raws, *, chain_id, allow_blobs = false))]
pub fn decode_transactions<'py>(
    py: Python<'py>,
    raws: Vec<PyBackedBytes>,
    chain_id: u64,
    allow_blobs: bool,
) -> PyResult<Bound<'py, PyList>> {
    let decoded = detached(py, "decode_transactions", || {
        Ok(decode_all(&raws, chain_id, allow_blobs))
    })?;
    list_of(py, decoded)
}

pub(super) type Decoded = Vec<Result<Transaction, Refused>>;

/// Decode and recover all; on all cores if there are many.
pub(super) fn decode_all(raws: &[PyBackedBytes], chain_id: u64, allow_blobs: bool) -> Decoded {
    let decode = |raw: &PyBackedBytes| decode_bounded(raw, chain_id, allow_blobs);
    match raws.len() < PARALLEL_FROM {
        true => raws.iter().map(decode).collect(),
        false => raws.par_iter().map(decode).collect(),
    }
}

/// Transactions, and (code, message) where one was refused.
pub(super) fn list_of(py: Python<'_>, decoded: Decoded) -> PyResult<Bound<'_, PyList>> {
    let list = PyList::empty(py);
    for item in decoded {
        match item {
            Ok(transaction) => list.append(PyTransaction(Arc::new(transaction)))?,
            Err(refused) => list.append((refused.code, refused.message))?,
        }
    }
    Ok(list)
}

#[pymethods]
impl PyTransaction {
    #[getter]
    fn hash<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, self.0.hash.as_slice())
    }

    #[getter]
    fn sender<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, self.0.sender.as_slice())
    }

    #[getter]
    fn r#type(&self) -> u8 {
        self.0.envelope.tx_type() as u8
    }

    #[getter]
    fn nonce(&self) -> u64 {
        self.0.envelope.nonce()
    }

    #[getter]
    fn gas_limit(&self) -> u64 {
        self.0.envelope.gas_limit()
    }

    #[getter]
    fn max_fee_per_gas(&self) -> u128 {
        self.0.envelope.max_fee_per_gas()
    }

    #[getter]
    fn max_priority_fee_per_gas(&self) -> u128 {
        let tx = &self.0.envelope;
        tx.max_priority_fee_per_gas()
            .unwrap_or_else(|| tx.max_fee_per_gas())
    }

    #[getter]
    fn max_fee_per_blob_gas(&self) -> u128 {
        self.0.envelope.max_fee_per_blob_gas().unwrap_or_default()
    }

    #[getter]
    fn to<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        let to = self.0.envelope.to()?;
        Some(bytes(py, to.as_slice()))
    }

    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        int(py, self.0.envelope.value())
    }

    #[getter]
    fn data<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, self.0.envelope.input())
    }

    #[getter]
    fn chain_id(&self) -> Option<u64> {
        self.0.envelope.chain_id()
    }

    #[getter]
    fn raw<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.raw)
    }

    #[getter]
    fn size(&self) -> usize {
        self.0.raw.len()
    }

    #[getter]
    fn cost<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        int(py, self.0.cost())
    }

    #[getter]
    fn intrinsic_gas(&self) -> u64 {
        self.0.initial_gas().initial_total_gas()
    }

    #[getter]
    fn floor_gas(&self) -> u64 {
        self.0.initial_gas().floor_gas()
    }

    #[getter]
    fn blob_hashes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let hashes = self.0.envelope.blob_versioned_hashes().unwrap_or_default();
        PyList::new(py, hashes.iter().map(|h| bytes(py, h.as_slice())))
    }

    #[getter]
    fn authorities<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let authorities: Vec<_> = self.0.authorities().collect();
        PyList::new(py, authorities.iter().map(|a| bytes(py, a.as_slice())))
    }

    #[getter]
    fn sidecar<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        Some(bytes(py, self.0.sidecar.as_ref()?))
    }

    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let tx = &self.0;
        let price = tx.envelope.max_fee_per_gas();
        json_dict(py, &tx.envelope, tx.hash, tx.sender, price)
    }

    fn __repr__(&self) -> String {
        format!("Transaction({})", self.0.hash)
    }
}

/// geth's RPCTransaction without the block fields. `gas_price`: wei, what is or may be paid.
pub fn json_dict<'py>(
    py: Python<'py>,
    tx: &Envelope,
    hash: B256,
    sender: Address,
    gas_price: u128,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item(intern!(py, "type"), hex_quantity(py, tx.tx_type() as u8))?;
    dict.set_item(intern!(py, "hash"), hex_data(py, hash))?;
    dict.set_item(intern!(py, "from"), hex_data(py, sender))?;
    dict.set_item(intern!(py, "to"), recipient(py, tx.kind()))?;
    dict.set_item(intern!(py, "nonce"), hex_quantity(py, tx.nonce()))?;
    dict.set_item(intern!(py, "gas"), hex_quantity(py, tx.gas_limit()))?;
    dict.set_item(intern!(py, "gasPrice"), hex_quantity(py, gas_price))?;
    dict.set_item(intern!(py, "value"), hex_wide(py, tx.value()))?;
    dict.set_item(intern!(py, "input"), hex_data(py, tx.input()))?;
    if let Some(chain_id) = tx.chain_id() {
        dict.set_item(intern!(py, "chainId"), hex_quantity(py, chain_id))?;
    }
    fee_fields(py, tx, &dict)?;
    list_fields(py, tx, &dict)?;
    signature_fields(py, tx, &dict)?;
    Ok(dict)
}

pub fn recipient(py: Python<'_>, kind: TxKind) -> Option<Bound<'_, pyo3::types::PyString>> {
    kind.to().map(|to| hex_data(py, to))
}

fn fee_fields(py: Python<'_>, tx: &Envelope, dict: &Bound<'_, PyDict>) -> PyResult<()> {
    let Some(tip) = tx.max_priority_fee_per_gas() else {
        return Ok(());
    };
    let cap = hex_quantity(py, tx.max_fee_per_gas());
    dict.set_item(intern!(py, "maxFeePerGas"), cap)?;
    dict.set_item(intern!(py, "maxPriorityFeePerGas"), hex_quantity(py, tip))?;
    if let Some(blob_cap) = tx.max_fee_per_blob_gas() {
        dict.set_item(intern!(py, "maxFeePerBlobGas"), hex_quantity(py, blob_cap))?;
    }
    Ok(())
}

fn list_fields(py: Python<'_>, tx: &Envelope, dict: &Bound<'_, PyDict>) -> PyResult<()> {
    if let Some(list) = tx.access_list() {
        dict.set_item(intern!(py, "accessList"), access_list(py, list)?)?;
    }
    if let Some(hashes) = tx.blob_versioned_hashes() {
        let hashes = PyList::new(py, hashes.iter().map(|hash| hex_data(py, hash)))?;
        dict.set_item(intern!(py, "blobVersionedHashes"), hashes)?;
    }
    if let Some(list) = tx.authorization_list() {
        let entries = list.iter().map(|signed| authorization(py, signed));
        let entries = PyList::new(py, entries.collect::<PyResult<Vec<_>>>()?)?;
        dict.set_item(intern!(py, "authorizationList"), entries)?;
    }
    Ok(())
}

fn access_list<'py>(py: Python<'py>, list: &AccessList) -> PyResult<Bound<'py, PyList>> {
    let out = PyList::empty(py);
    for item in list.iter() {
        let entry = PyDict::new(py);
        entry.set_item(intern!(py, "address"), hex_data(py, item.address))?;
        let keys = PyList::new(py, item.storage_keys.iter().map(|key| hex_data(py, key)))?;
        entry.set_item(intern!(py, "storageKeys"), keys)?;
        out.append(entry)?;
    }
    Ok(out)
}

fn authorization<'py>(
    py: Python<'py>,
    signed: &SignedAuthorization,
) -> PyResult<Bound<'py, PyDict>> {
    let entry = PyDict::new(py);
    entry.set_item(intern!(py, "chainId"), hex_wide(py, *signed.chain_id()))?;
    entry.set_item(intern!(py, "address"), hex_data(py, signed.address()))?;
    entry.set_item(intern!(py, "nonce"), hex_quantity(py, signed.nonce()))?;
    entry.set_item(intern!(py, "yParity"), hex_quantity(py, signed.y_parity()))?;
    entry.set_item(intern!(py, "r"), hex_wide(py, signed.r()))?;
    entry.set_item(intern!(py, "s"), hex_wide(py, signed.s()))?;
    Ok(entry)
}

fn signature_fields(py: Python<'_>, tx: &Envelope, dict: &Bound<'_, PyDict>) -> PyResult<()> {
    let signature = tx.signature();
    let parity = u128::from(signature.v());
    let v = match (tx.is_legacy(), tx.chain_id()) {
        (true, Some(chain_id)) => 35 + 2 * u128::from(chain_id) + parity,
        (true, None) => 27 + parity,
        (false, _) => parity,
    };
    dict.set_item(intern!(py, "v"), hex_quantity(py, v))?;
    dict.set_item(intern!(py, "r"), hex_wide(py, signature.r()))?;
    dict.set_item(intern!(py, "s"), hex_wide(py, signature.s()))?;
    if !tx.is_legacy() {
        dict.set_item(intern!(py, "yParity"), hex_quantity(py, parity))?;
    }
    Ok(())
}
