//! Keccak-256 and ordered trie roots for Python.

use alloy_primitives::{B256, keccak256 as keccak};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList};
use rayon::prelude::*;

use crate::guard::detached;

/// Total input bytes from which hashing many items goes to all cores.
const PARALLEL_BYTES: usize = 256 * 1024;

#[pyfunction]
pub fn keccak256<'py>(py: Python<'py>, data: &[u8]) -> Bound<'py, PyBytes> {
    PyBytes::new(py, keccak(data).as_slice())
}

#[pyfunction]
pub fn keccak256_many<'py>(
    py: Python<'py>,
    items: Vec<PyBackedBytes>,
) -> PyResult<Bound<'py, PyList>> {
    let hashes = detached(py, "keccak256_many", || Ok(hash_all(&items)))?;
    PyList::new(py, hashes.iter().map(|h| PyBytes::new(py, h.as_slice())))
}

fn hash_all(items: &[PyBackedBytes]) -> Vec<B256> {
    let total: usize = items.iter().map(|i| i.len()).sum();
    if total < PARALLEL_BYTES {
        items.iter().map(|i| keccak(&**i)).collect()
    } else {
        items.par_iter().map(|i| keccak(&**i)).collect()
    }
}

/// Root of the trie of `rlp(index) -> item`.
#[pyfunction]
pub fn ordered_trie_root<'py>(
    py: Python<'py>,
    items: Vec<PyBackedBytes>,
) -> PyResult<Bound<'py, PyBytes>> {
    let root = detached(py, "ordered_trie_root", || {
        Ok(alloy_trie::root::ordered_trie_root_encoded(&items))
    })?;
    Ok(PyBytes::new(py, root.as_slice()))
}
