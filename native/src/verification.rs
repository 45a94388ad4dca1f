//! `verify_state`: the state root from the flat tables, pulled chunk by chunk from Python.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::convert::bytes;
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

fn pull(source: &Py<PyAny>) -> Result<Chunk, StateError> {
    Python::attach(|py| source.bind(py).call0()?.extract()).map_err(StateError::from)
}
