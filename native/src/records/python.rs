//! `TransactionRecord` and `Log` as Python sees them, and geth's JSON-RPC shapes.

use std::sync::Arc;

use alloy_consensus::Transaction as _;
use alloy_primitives::Log;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

use super::{Body, Record, decode_positions};
use crate::convert::{bytes, hex_data, hex_quantity, hex_wide};
use crate::errors::Error;
use crate::state::StateError;
use crate::transaction::python::json_dict;
use alloy_primitives::U256;

/// See `_native.pyi`.
#[pyclass(frozen, name = "TransactionRecord", module = "metis_node._native")]
pub struct PyRecord(pub Arc<Record>);

/// See `_native.pyi`.
#[pyclass(frozen, name = "Log", module = "metis_node._native")]
pub struct PyLog {
    record: Arc<Record>,
    place: usize,
}

/// See `_native.pyi`.
#[pyfunction]
pub fn decode_log_positions(value: &[u8]) -> PyResult<Vec<(u64, u64)>> {
    decode_positions(value).ok_or_else(|| corrupt("a value of the log index does not decode"))
}

fn corrupt(what: &str) -> PyErr {
    Error::State(StateError::Corrupt(what.into())).into()
}

impl PyLog {
    fn log(&self) -> &Log {
        &self.record.logs[self.place]
    }
}

#[pymethods]
impl PyLog {
    #[getter]
    fn address<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, self.log().address.as_slice())
    }

    #[getter]
    fn topics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let topics = self.log().topics().iter();
        PyList::new(py, topics.map(|topic| bytes(py, topic.as_slice())))
    }

    #[getter]
    fn data<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.log().data.data)
    }
}

impl PyRecord {
    fn body(&self) -> PyResult<&Body> {
        self.0
            .body()
            .ok_or_else(|| corrupt("the transaction of a record does not decode"))
    }
}

#[pymethods]
impl PyRecord {
    #[staticmethod]
    fn decode(value: &[u8]) -> PyResult<Self> {
        Record::decode(value)
            .map(|record| Self(Arc::new(record)))
            .ok_or_else(|| corrupt("a transaction record does not decode"))
    }

    #[getter]
    fn raw<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.raw)
    }

    #[getter]
    fn hash<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, self.0.hash().as_slice())
    }

    #[getter]
    fn r#type(&self) -> u8 {
        self.0.tx_type()
    }

    #[getter]
    fn sender<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, self.0.sender.as_slice())
    }

    #[getter]
    fn to<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let to = match self.body()? {
            Body::Signed(tx) => tx.to(),
            Body::System(tx) => Some(tx.to),
        };
        Ok(to.map(|to| bytes(py, to.as_slice())))
    }

    #[getter]
    fn nonce(&self) -> PyResult<u64> {
        Ok(match self.body()? {
            Body::Signed(tx) => tx.nonce(),
            Body::System(_) => 0,
        })
    }

    #[getter]
    fn success(&self) -> bool {
        self.0.success
    }

    #[getter]
    fn gas_used(&self) -> u64 {
        self.0.gas_used
    }

    #[getter]
    fn cumulative_gas_used(&self) -> u64 {
        self.0.cumulative_gas_used
    }

    #[getter]
    fn effective_gas_price(&self) -> u128 {
        self.0.effective_gas_price
    }

    #[getter]
    fn contract_address<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        Some(bytes(py, self.0.contract_address()?.as_slice()))
    }

    #[getter]
    fn first_log_index(&self) -> u64 {
        self.0.first_log_index
    }

    #[getter]
    fn logs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let logs = (0..self.0.logs.len()).map(|place| PyLog {
            record: self.0.clone(),
            place,
        });
        let logs: PyResult<Vec<_>> = logs.map(|log| Py::new(py, log)).collect();
        PyList::new(py, logs?)
    }

    #[getter]
    fn bloom<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, self.0.bloom().as_slice())
    }

    #[getter]
    fn blob_gas_used(&self) -> u64 {
        self.0.blob_gas_used()
    }

    fn transaction_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let record = &self.0;
        match self.body()? {
            Body::Signed(tx) => json_dict(
                py,
                tx,
                record.hash(),
                record.sender,
                record.effective_gas_price,
            ),
            Body::System(tx) => tx.json_dict(py, record.hash()),
        }
    }

    fn receipt_dict<'py>(
        &self,
        py: Python<'py>,
        block_hash: Bound<'py, PyString>,
        number: Bound<'py, PyString>,
        index: Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let place = Place {
            block_hash,
            number,
            index,
            hash: hex_data(py, self.0.hash()),
        };
        let dict = PyDict::new(py);
        self.outcome_fields(py, &dict)?;
        self.party_fields(py, &dict)?;
        place.fields(py, &dict)?;
        dict.set_item(intern!(py, "logs"), self.log_dicts(py, &place)?)?;
        Ok(dict)
    }

    fn receipt_raw<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.receipt(&self.0.bloom()))
    }
}

/// Where a transaction stands, in JSON-RPC's hex.
struct Place<'py> {
    block_hash: Bound<'py, PyString>,
    number: Bound<'py, PyString>,
    index: Bound<'py, PyString>,
    hash: Bound<'py, PyString>,
}

impl<'py> Place<'py> {
    fn fields(&self, py: Python<'py>, dict: &Bound<'py, PyDict>) -> PyResult<()> {
        dict.set_item(intern!(py, "blockHash"), &self.block_hash)?;
        dict.set_item(intern!(py, "blockNumber"), &self.number)?;
        dict.set_item(intern!(py, "transactionHash"), &self.hash)?;
        dict.set_item(intern!(py, "transactionIndex"), &self.index)
    }
}

impl PyRecord {
    fn outcome_fields(&self, py: Python<'_>, dict: &Bound<'_, PyDict>) -> PyResult<()> {
        let record = &self.0;
        let status = match record.success {
            true => intern!(py, "0x1"),
            false => intern!(py, "0x0"),
        };
        let price = hex_quantity(py, record.effective_gas_price);
        let cumulative = hex_quantity(py, record.cumulative_gas_used);
        dict.set_item(intern!(py, "status"), status)?;
        dict.set_item(intern!(py, "type"), hex_quantity(py, record.tx_type()))?;
        dict.set_item(intern!(py, "gasUsed"), hex_quantity(py, record.gas_used))?;
        dict.set_item(intern!(py, "cumulativeGasUsed"), cumulative)?;
        dict.set_item(intern!(py, "effectiveGasPrice"), price)?;
        dict.set_item(intern!(py, "logsBloom"), hex_data(py, record.bloom()))?;
        if record.tx_type() == 3 {
            let gas = hex_quantity(py, record.blob_gas_used());
            dict.set_item(intern!(py, "blobGasUsed"), gas)?;
            let price = hex_wide(py, U256::from(record.blob_gas_price));
            dict.set_item(intern!(py, "blobGasPrice"), price)?;
        }
        Ok(())
    }

    fn party_fields(&self, py: Python<'_>, dict: &Bound<'_, PyDict>) -> PyResult<()> {
        let to = match self.body()? {
            Body::Signed(tx) => tx.to(),
            Body::System(tx) => Some(tx.to),
        };
        let contract = self.0.contract_address();
        dict.set_item(intern!(py, "from"), hex_data(py, self.0.sender))?;
        dict.set_item(intern!(py, "to"), to.map(|a| hex_data(py, a)))?;
        let contract = contract.map(|a| hex_data(py, a));
        dict.set_item(intern!(py, "contractAddress"), contract)
    }

    fn log_dicts<'py>(&self, py: Python<'py>, place: &Place<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for (offset, log) in self.0.logs.iter().enumerate() {
            let dict = PyDict::new(py);
            let topics = log.topics().iter().map(|topic| hex_data(py, topic));
            let index = self.0.first_log_index + offset as u64;
            dict.set_item(intern!(py, "address"), hex_data(py, log.address))?;
            dict.set_item(intern!(py, "topics"), PyList::new(py, topics)?)?;
            dict.set_item(intern!(py, "data"), hex_data(py, &log.data.data))?;
            dict.set_item(intern!(py, "logIndex"), hex_quantity(py, index))?;
            dict.set_item(intern!(py, "removed"), false)?;
            place.fields(py, &dict)?;
            list.append(dict)?;
        }
        Ok(list)
    }
}
