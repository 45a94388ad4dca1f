//! `Engine`: the Python class. Glue only; what it calls lives in `state`, `evm` and `records`.

use std::sync::Arc;

use pyo3::prelude::*;

use crate::evm::rules::Rules;
use crate::kv::PyKv;
use crate::state::StateStore;

/// State at the head, and everything that executes on it.
#[pyclass(frozen, module = "metis_node._native")]
pub struct Engine {
    pub state: Arc<StateStore>,
    pub rules: Arc<Rules>,
    pub history_blocks: usize,
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (rules_json, get_many, *, cache_bytes = 64 << 20, history_blocks = 256))]
    fn new(
        rules_json: &[u8],
        get_many: Py<PyAny>,
        cache_bytes: usize,
        history_blocks: usize,
    ) -> PyResult<Self> {
        let kv = Arc::new(PyKv::new(get_many));
        Ok(Self {
            state: Arc::new(StateStore::new(kv, cache_bytes, history_blocks)),
            rules: Arc::new(Rules::parse(rules_json)?),
            history_blocks,
        })
    }
}
