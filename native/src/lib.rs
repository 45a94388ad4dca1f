//! `metis_node._native`: EVM execution, state trie, hashing, signature recovery. See `_native.pyi`.

pub mod calls;
pub mod engine;
pub mod errors;
pub mod evm;
pub mod guard;
pub mod hashing;
pub mod header;
pub mod kv;
pub mod state;

use pyo3::prelude::*;

#[pymodule(gil_used = true)]
fn _native(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(hashing::keccak256, m)?)?;
    m.add_function(wrap_pyfunction!(hashing::keccak256_many, m)?)?;
    m.add_function(wrap_pyfunction!(hashing::ordered_trie_root, m)?)?;
    m.add_class::<engine::Engine>()?;
    m.add_class::<calls::methods::CallResult>()?;
    Ok(())
}
