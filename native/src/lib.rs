//! `metis_node._native`: EVM execution, state trie, hashing, signatures, agreement. See `_native.pyi`.

mod allocator;
pub mod bft;
pub mod blocks;
pub mod calls;
pub mod convert;
#[cfg(test)]
mod dice;
pub mod engine;
pub mod errors;
pub mod evm;
pub mod guard;
pub mod hashing;
pub mod header;
pub mod kv;
pub mod records;
pub mod signatures;
pub mod state;
pub mod system;
pub mod transaction;
pub mod trie;
pub mod verification;

use pyo3::prelude::*;

#[pymodule(gil_used = true)]
fn _native(m: &Bound<'_, PyModule>) -> PyResult<()> {
    allocator::configure();
    m.add_function(wrap_pyfunction!(hashing::keccak256, m)?)?;
    m.add_function(wrap_pyfunction!(hashing::keccak256_many, m)?)?;
    m.add_function(wrap_pyfunction!(hashing::ordered_trie_root, m)?)?;
    m.add_function(wrap_pyfunction!(
        transaction::python::decode_transactions,
        m
    )?)?;
    m.add_class::<transaction::python::PyTransaction>()?;
    m.add_class::<transaction::decoder::TransactionDecoder>()?;
    m.add_function(wrap_pyfunction!(records::python::decode_log_positions, m)?)?;
    m.add_class::<records::python::PyRecord>()?;
    m.add_class::<records::python::PyLog>()?;
    m.add_class::<system::PySystemTransaction>()?;
    m.add_class::<engine::Engine>()?;
    m.add_class::<blocks::PyBuilt>()?;
    m.add_class::<blocks::PySkipped>()?;
    m.add_class::<blocks::PyPrepared>()?;
    m.add_function(wrap_pyfunction!(verification::verify_state, m)?)?;
    m.add_function(wrap_pyfunction!(verification::verify_nodes, m)?)?;
    m.add_function(wrap_pyfunction!(trie::python::trie_root, m)?)?;
    m.add_class::<calls::methods::CallResult>()?;
    m.add_class::<bft::BftDriver>()?;
    m.add_function(wrap_pyfunction!(signatures::sign_digest, m)?)?;
    m.add_function(wrap_pyfunction!(signatures::recover_signers, m)?)?;
    m.add_function(wrap_pyfunction!(signatures::vote_digests, m)?)?;
    Ok(())
}
