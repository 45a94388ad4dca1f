//! `metis_node._native`: EVM execution, state trie, hashing, signature recovery. See `_native.pyi`.

pub mod kv;
pub mod state;

use alloy_primitives::keccak256 as keccak;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Keccak-256 of `data`.
#[pyfunction]
fn keccak256<'py>(py: Python<'py>, data: &[u8]) -> Bound<'py, PyBytes> {
    PyBytes::new(py, keccak(data).as_slice())
}

#[pymodule(gil_used = true)]
fn _native(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(keccak256, m)?)?;
    Ok(())
}
