//! Checks of the stored state, its tables pulled chunk by chunk from Python.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::convert::{bytes, hash};
use crate::errors::Error;
use crate::guard::detached;
use crate::state::{self, StateError};

type Chunk = Option<Vec<(Vec<u8>, Vec<u8>)>>;

/// See `_native.pyi`.
#[pyfunction]
pub fn verify_state<'py>(
    py: Python<'py>,
    accounts: Py<PyAny>,
    slots: Py<PyAny>,
) -> PyResult<Bound<'py, PyBytes>> {
    let root = detached(py, "verify_state", || {
        state::verify_state(&mut || pull(&accounts), &mut || pull(&slots)).map_err(Error::from)
    })?;
    Ok(bytes(py, root.as_slice()))
}

/// See `_native.pyi`.
#[pyfunction]
pub fn verify_nodes(
    py: Python<'_>,
    root: &[u8],
    accounts: Py<PyAny>,
    account_nodes: Py<PyAny>,
    storage_nodes: Py<PyAny>,
) -> PyResult<u64> {
    let root = hash(root)?;
    detached(py, "verify_nodes", || {
        state::verify_nodes(
            root,
            &mut || pull(&accounts),
            &mut || pull(&account_nodes),
            &mut || pull(&storage_nodes),
        )
        .map_err(Error::from)
    })
}

fn pull(source: &Py<PyAny>) -> Result<Chunk, StateError> {
    Python::attach(|py| source.bind(py).call0()?.extract()).map_err(StateError::from)
}
