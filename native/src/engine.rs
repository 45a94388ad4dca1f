//! `Engine`: the Python class. Glue only; what it calls lives in `state`, `evm` and `records`.
//!
//! Calls, estimates and traces are in `calls/methods.rs`.

use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use alloy_primitives::{B256, Bytes, KECCAK256_EMPTY, U256};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList, PyTuple};

use crate::blocks::{PyBuilt, PyPrepared};
use crate::convert::{address, bytes, hash, int};
use crate::errors::Error;
use crate::evm::block::Chain;
use crate::evm::build::{self, Limits};
use crate::evm::genesis;
use crate::evm::rules::Rules;
use crate::evm::verify::{self, Item};
use crate::guard::{caught, detached};
use crate::header::{self, Sealed};
use crate::kv::PyKv;
use crate::state::{self, FlatAccount, StateStore};
use crate::transaction::decoder::TransactionDecoder;
use crate::transaction::python::PyTransaction;

/// Reads of up to this many accounts keep the GIL: giving it up and waiting for it costs more.
const ATTACHED_READS: usize = 128;

/// State at the head, and everything that executes on it.
#[pyclass(frozen, module = "metis_node._native")]
pub struct Engine {
    pub state: Arc<StateStore>,
    pub rules: Arc<Rules>,
    pub history_blocks: usize,
    head: RwLock<Option<Arc<Sealed>>>,
}

impl Engine {
    /// Header of the committed head.
    fn head(&self) -> Result<Arc<Sealed>, Error> {
        self.head
            .read()
            .ok()
            .and_then(|head| head.clone())
            .ok_or_else(|| {
                Error::Internal("the engine has no head yet: call `open`, or commit genesis".into())
            })
    }

    fn set_head(&self, sealed: Sealed) -> Result<(), Error> {
        let mut head = self
            .head
            .write()
            .map_err(|_| Error::Internal("the engine's head is unusable after a panic".into()))?;
        *head = Some(Arc::new(sealed));
        Ok(())
    }

    fn flat_account(&self, wanted: &[u8], at: u64) -> PyResult<Option<FlatAccount>> {
        let wanted = address(wanted)?;
        Ok(caught("read of an account", || {
            Ok(self.state.view(at)?.account(wanted)?)
        })?)
    }

    fn flat_accounts(
        &self,
        py: Python<'_>,
        wanted: &[PyBackedBytes],
        at: u64,
    ) -> PyResult<Vec<Option<FlatAccount>>> {
        let wanted = wanted
            .iter()
            .map(|a| address(a))
            .collect::<PyResult<Vec<_>>>()?;
        let read = || Ok(self.state.view(at)?.accounts(&wanted)?);
        match wanted.len() > ATTACHED_READS {
            true => detached(py, "read of accounts", read),
            false => Ok(caught("read of accounts", read)?),
        }
    }
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
            head: RwLock::new(None),
        })
    }

    fn open(&self, py: Python<'_>, number: u64, header: &[u8]) -> PyResult<()> {
        detached(py, "open", || {
            let sealed = header::seal(header::decode(header)?);
            if sealed.header.number != number {
                return Err(Error::InvalidBlock(format!(
                    "header of block {} given for block {number}",
                    sealed.header.number
                )));
            }
            self.state.open(number, sealed.header.state_root)?;
            self.set_head(sealed)
        })
    }

    fn genesis(&self, py: Python<'_>, header: &[u8], alloc_json: &[u8]) -> PyResult<PyPrepared> {
        let prepared = detached(py, "genesis", || {
            genesis::prepare(&self.state, header::decode(header)?, alloc_json)
        })?;
        Ok(PyPrepared(Arc::new(prepared)))
    }

    #[pyo3(signature = (header, system, candidates, *, max_bytes, deadline_ms = None, strict = false))]
    #[expect(clippy::too_many_arguments, reason = "the signature of _native.pyi")]
    fn build(
        &self,
        py: Python<'_>,
        header: &[u8],
        system: Vec<PyBackedBytes>,
        candidates: &Bound<'_, PyAny>,
        max_bytes: u64,
        deadline_ms: Option<u64>,
        strict: bool,
    ) -> PyResult<PyBuilt> {
        let limits = Limits {
            max_bytes,
            deadline: deadline_ms.map(|ms| Instant::now() + Duration::from_millis(ms)),
            strict,
        };
        let mut transactions = Vec::with_capacity(candidates.len().unwrap_or_default());
        for candidate in candidates.try_iter()? {
            let candidate = candidate?;
            transactions.push(candidate.cast::<PyTransaction>()?.get().0.clone());
        }
        let system: Vec<Bytes> = system
            .iter()
            .map(|raw| Bytes::copy_from_slice(raw))
            .collect();
        let built = detached(py, "build", || {
            let head = self.head()?;
            let template = header::decode(header)?;
            build::build(self.chain(&head), template, &system, &transactions, &limits)
        })?;
        Ok(PyBuilt(built))
    }

    fn verify(
        &self,
        py: Python<'_>,
        header: &[u8],
        transactions: &Bound<'_, PyAny>,
    ) -> PyResult<PyPrepared> {
        let mut items = Vec::with_capacity(transactions.len().unwrap_or_default());
        for transaction in transactions.try_iter()? {
            items.push(item(&transaction?)?);
        }
        let prepared = detached(py, "verify", || {
            let head = self.head()?;
            verify::verify(self.chain(&head), header, items)
        })?;
        Ok(PyPrepared(Arc::new(prepared)))
    }

    fn begin_write(&self, prepared: &PyPrepared) -> PyResult<()> {
        Ok(caught("begin_write", || {
            Ok(self.state.begin_write(&prepared.0.state)?)
        })?)
    }

    fn commit(&self, py: Python<'_>, prepared: &PyPrepared) -> PyResult<()> {
        let prepared = prepared.0.clone();
        detached(py, "commit", || {
            self.state.commit(&prepared.state)?;
            self.set_head(prepared.sealed.clone())
        })
    }

    fn abort(&self, prepared: &PyPrepared) -> PyResult<()> {
        Ok(caught("abort", || {
            self.state.abort(&prepared.0.state);
            Ok(())
        })?)
    }

    #[getter]
    fn head_number(&self) -> u64 {
        self.state.head()
    }

    fn account<'py>(
        &self,
        py: Python<'py>,
        address: &[u8],
        at: u64,
    ) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let Some(account) = self.flat_account(address, at)? else {
            return Ok(None);
        };
        let fields = (
            account.nonce,
            int(py, account.balance)?,
            bytes(py, account.code_hash.as_slice()),
            bytes(py, account.storage_root.as_slice()),
        );
        Ok(Some(fields.into_pyobject(py)?))
    }

    fn accounts<'py>(
        &self,
        py: Python<'py>,
        addresses: Vec<PyBackedBytes>,
        at: u64,
    ) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for account in self.flat_accounts(py, &addresses, at)? {
            let account = account.unwrap_or_default();
            list.append((account.nonce, int(py, account.balance)?))?;
        }
        Ok(list)
    }

    fn senders<'py>(
        &self,
        py: Python<'py>,
        addresses: Vec<PyBackedBytes>,
        at: u64,
    ) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for account in self.flat_accounts(py, &addresses, at)? {
            let account = account.unwrap_or_default();
            let has_code = account.code_hash != KECCAK256_EMPTY;
            list.append((account.nonce, int(py, account.balance)?, has_code))?;
        }
        Ok(list)
    }

    fn decoder(&self, descriptor: i32) -> PyResult<TransactionDecoder> {
        let rules = &self.rules;
        TransactionDecoder::new(self.state.clone(), rules.chain_id, rules.blobs, descriptor)
    }

    fn code<'py>(&self, py: Python<'py>, address: &[u8], at: u64) -> PyResult<Bound<'py, PyBytes>> {
        let account = self.flat_account(address, at)?.unwrap_or_default();
        if account.code_hash == KECCAK256_EMPTY {
            return Ok(bytes(py, &[]));
        }
        let code = caught("read of code", || {
            Ok(self.state.view(at)?.code(account.code_hash)?)
        })?;
        Ok(bytes(py, code.original_byte_slice()))
    }

    fn storage<'py>(
        &self,
        py: Python<'py>,
        address: &[u8],
        slot: &[u8],
        at: u64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let address = self::address(address)?;
        let slot = U256::from_be_bytes(hash(slot)?.0);
        let value = caught("read of storage", || {
            Ok(self.state.view(at)?.storage(address, slot)?)
        })?;
        Ok(bytes(py, &value.to_be_bytes::<32>()))
    }

    fn proof<'py>(
        &self,
        py: Python<'py>,
        address: &[u8],
        slots: Vec<PyBackedBytes>,
        at: u64,
        snapshot: Py<PyAny>,
        snapshot_head: u64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let address = self::address(address)?;
        let slots = slots
            .iter()
            .map(|s| hash(s))
            .collect::<PyResult<Vec<B256>>>()?;
        let kv = PyKv::new(snapshot);
        let history = self.history_blocks;
        let json = detached(py, "proof", || {
            let proof = state::proof(&kv, snapshot_head, at, history, address, &slots)?;
            serde_json::to_vec(&proof).map_err(|e| Error::Internal(e.to_string()))
        })?;
        Ok(bytes(py, &json))
    }
}

impl Engine {
    fn chain<'a>(&'a self, head: &'a Sealed) -> Chain<'a> {
        Chain {
            rules: &self.rules,
            state: &self.state,
            head,
        }
    }
}

fn item(transaction: &Bound<'_, PyAny>) -> PyResult<Item> {
    if let Ok(transaction) = transaction.cast::<PyTransaction>() {
        return Ok(Item::Signed(transaction.get().0.clone()));
    }
    let raw = transaction.cast::<PyBytes>()?;
    Ok(Item::Raw(Bytes::copy_from_slice(raw.as_bytes())))
}
