//! `Built`, `Skipped` and `Prepared` as Python sees them.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use crate::convert::{bytes, int};
use crate::evm::build::Built;
use crate::evm::refusal::Refusal;
use crate::evm::verify::Prepared;
use crate::records::python::PyRecord;

/// See `_native.pyi`.
#[pyclass(frozen, name = "Skipped", module = "metis_node._native")]
pub struct PySkipped {
    index: usize,
    refusal: Refusal,
}

#[pymethods]
impl PySkipped {
    #[getter]
    fn index(&self) -> usize {
        self.index
    }

    #[getter]
    fn code(&self) -> &'static str {
        self.refusal.code
    }

    #[getter]
    fn message(&self) -> &str {
        &self.refusal.message
    }

    fn __repr__(&self) -> String {
        format!("Skipped({}, {})", self.index, self.refusal.code)
    }
}

/// See `_native.pyi`.
#[pyclass(frozen, name = "Built", module = "metis_node._native")]
pub struct PyBuilt(pub Built);

#[pymethods]
impl PyBuilt {
    #[getter]
    fn header<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.sealed.rlp)
    }

    #[getter]
    fn hash<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, self.0.sealed.hash.as_slice())
    }

    #[getter]
    fn gas_used(&self) -> u64 {
        self.0.sealed.header.gas_used
    }

    #[getter]
    fn size(&self) -> u64 {
        self.0.bytes
    }

    #[getter]
    fn included<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, &self.0.included)
    }

    #[getter]
    fn skipped<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let skipped = self.0.skipped.iter().map(|(index, refusal)| {
            let skipped = PySkipped {
                index: *index,
                refusal: refusal.clone(),
            };
            Py::new(py, skipped)
        });
        PyList::new(py, skipped.collect::<PyResult<Vec<_>>>()?)
    }

    #[getter]
    fn transactions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.0.transactions.iter().map(|raw| bytes(py, raw)))
    }

    #[getter]
    fn deadline_hit(&self) -> bool {
        self.0.deadline_hit
    }
}

/// See `_native.pyi`.
#[pyclass(frozen, name = "Prepared", module = "metis_node._native")]
pub struct PyPrepared(pub Arc<Prepared>);

#[pymethods]
impl PyPrepared {
    #[getter]
    fn number(&self) -> u64 {
        self.0.sealed.header.number
    }

    #[getter]
    fn hash<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, self.0.sealed.hash.as_slice())
    }

    #[getter]
    fn header<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.sealed.rlp)
    }

    #[getter]
    fn state_root<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, self.0.state.state_root.as_slice())
    }

    #[getter]
    fn gas_used(&self) -> u64 {
        self.0.sealed.header.gas_used
    }

    #[getter]
    fn transaction_hashes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.0.hashes.iter().map(|h| bytes(py, h.as_slice())))
    }

    #[getter]
    fn senders<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let records = self.0.records.iter();
        PyList::new(py, records.map(|r| bytes(py, r.sender.as_slice())))
    }

    #[getter]
    fn log_count(&self) -> usize {
        self.0.log_count
    }

    #[getter]
    fn changed(&self) -> usize {
        self.0.state.changed
    }

    fn writes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let all = self.0.state.writes.iter().chain(&self.0.writes);
        let pairs = all
            .map(|(key, value)| pair(py, key, value.as_deref()))
            .collect::<PyResult<Vec<_>>>()?;
        PyList::new(py, pairs)
    }

    fn account_changes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let changes = self.0.changed_accounts.iter();
        let tuples = changes.map(|(address, nonce, balance)| {
            (bytes(py, address.as_slice()), *nonce, int(py, *balance)?).into_pyobject(py)
        });
        PyList::new(py, tuples.collect::<PyResult<Vec<_>>>()?)
    }

    fn records<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let records = self.0.records.iter();
        let records = records.map(|record| Py::new(py, PyRecord(record.clone())));
        PyList::new(py, records.collect::<PyResult<Vec<_>>>()?)
    }
}

fn pair<'py>(py: Python<'py>, key: &[u8], value: Option<&[u8]>) -> PyResult<Bound<'py, PyTuple>> {
    (bytes(py, key), value.map(|value| bytes(py, value))).into_pyobject(py)
}
