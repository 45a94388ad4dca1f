//! The methods of `Engine` that execute without changing the chain. Glue only: arguments in,
//! Python values out.

use alloy_consensus::Header;
use alloy_primitives::B256;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use super::access_list;
use super::call::{self, Outcome};
use super::estimate;
use super::fields;
use super::refusal::CallError;
use super::request::CallRequest;
use super::scene::Scene;
use super::simulate::{self, Base};
use super::trace::{self, TraceBounds, TraceConfig};
use super::watch::{Bounds, Deadline};
use crate::engine::Engine;
use crate::errors::Error;
use crate::guard;
use crate::header;
use crate::state::{StateChanges, StateView};

/// What a call gave. `error` has geth's words.
#[pyclass(frozen, module = "metis_node._native")]
pub struct CallResult {
    outcome: Outcome,
}

#[pymethods]
impl CallResult {
    #[getter]
    fn success(&self) -> bool {
        self.outcome.success
    }

    #[getter]
    fn output<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.outcome.output)
    }

    #[getter]
    fn gas_used(&self) -> u64 {
        self.outcome.gas_used
    }

    #[getter]
    fn error(&self) -> Option<&str> {
        self.outcome.error.as_deref()
    }
}

/// Where a request executes: the block whose environment it sees, and its overrides.
pub struct Place<'a> {
    pub header: &'a [u8],
    pub at: u64,
    pub state_overrides: Option<&'a [u8]>,
    pub block_overrides: Option<&'a [u8]>,
}

impl Place<'_> {
    pub fn header(&self) -> Result<Header, Error> {
        header::decode(self.header)
    }

    pub fn scene(&self, engine: &Engine) -> Result<Scene<StateView>, CallError> {
        let header = self.header()?;
        let view = engine.state.view(self.at).map_err(Error::from)?;
        Scene::with_overrides(
            view,
            &engine.rules,
            engine.rules.block_env(&header),
            self.state_overrides,
            self.block_overrides,
        )
    }
}

/// The request argument of eth_call and its kin.
pub fn request(json: &[u8]) -> Result<CallRequest, CallError> {
    let value = fields::parse(json, "transaction")?;
    Ok(CallRequest::parse(&value, "transaction")?)
}

pub fn bounds(steps: Option<u64>, deadline_ms: Option<u64>) -> Bounds {
    Bounds {
        steps,
        deadline: deadline_ms.map(Deadline::in_ms),
        bytes: None,
    }
}

#[pymethods]
impl Engine {
    /// A call with a step limit is short, so it keeps the GIL: giving it up and waiting for it costs
    /// more than such a call. Any other runs without.
    #[pyo3(signature = (request, header, at, *, state_overrides = None, block_overrides = None,
                        gas_cap = 50_000_000, step_limit = None, deadline_ms = None))]
    #[expect(clippy::too_many_arguments, reason = "the signature of _native.pyi")]
    fn call(
        &self,
        py: Python<'_>,
        request: &[u8],
        header: &[u8],
        at: u64,
        state_overrides: Option<&[u8]>,
        block_overrides: Option<&[u8]>,
        gas_cap: u64,
        step_limit: Option<u64>,
        deadline_ms: Option<u64>,
    ) -> PyResult<Option<CallResult>> {
        let place = Place {
            header,
            at,
            state_overrides,
            block_overrides,
        };
        let bounds = bounds(step_limit, deadline_ms);
        let work = || self.outcome(request, &place, gas_cap, bounds);
        let outcome = match step_limit {
            Some(_) => guard::caught("call", work)?,
            None => guard::detached(py, "call", work)?,
        };
        Ok(outcome.map(|outcome| CallResult { outcome }))
    }

    #[pyo3(signature = (request, header, at, *, state_overrides = None, block_overrides = None,
                        gas_cap = 50_000_000, deadline_ms = None))]
    #[expect(clippy::too_many_arguments, reason = "the signature of _native.pyi")]
    fn estimate_gas(
        &self,
        py: Python<'_>,
        request: &[u8],
        header: &[u8],
        at: u64,
        state_overrides: Option<&[u8]>,
        block_overrides: Option<&[u8]>,
        gas_cap: u64,
        deadline_ms: Option<u64>,
    ) -> PyResult<u64> {
        let place = Place {
            header,
            at,
            state_overrides,
            block_overrides,
        };
        guard::detached(py, "estimate", || {
            let request = self::request(request)?;
            let mut scene = place.scene(self)?;
            let bounds = bounds(None, deadline_ms);
            Ok(estimate::estimate_gas(
                &mut scene, &request, gas_cap, bounds,
            )?)
        })
    }

    #[pyo3(signature = (request, header, at, *, state_overrides = None, gas_cap = 50_000_000,
                        deadline_ms = None))]
    #[expect(clippy::too_many_arguments, reason = "the signature of _native.pyi")]
    fn create_access_list<'py>(
        &self,
        py: Python<'py>,
        request: &[u8],
        header: &[u8],
        at: u64,
        state_overrides: Option<&[u8]>,
        gas_cap: u64,
        deadline_ms: Option<u64>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let place = Place {
            header,
            at,
            state_overrides,
            block_overrides: None,
        };
        let json = guard::detached(py, "access list", || {
            let request = self::request(request)?;
            let mut scene = place.scene(self)?;
            let bounds = bounds(None, deadline_ms);
            let listed = access_list::create_access_list(&mut scene, &request, gas_cap, bounds)?;
            serde_json::to_string(&listed).map_err(|error| Error::Internal(error.to_string()))
        })?;
        Ok(PyBytes::new(py, json.as_bytes()))
    }

    #[pyo3(signature = (payload, header, at, *, gas_cap = 50_000_000, deadline_ms = None))]
    fn simulate<'py>(
        &self,
        py: Python<'py>,
        payload: &[u8],
        header: &[u8],
        at: u64,
        gas_cap: u64,
        deadline_ms: Option<u64>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let json = guard::detached(py, "simulation", || {
            let value = fields::parse(payload, "payload").map_err(Error::from)?;
            let base = Base {
                view: self.state.view(at).map_err(Error::from)?,
                rules: &self.rules,
                header: header::decode(header)?,
                root: &|changes| self.simulated_root(at, changes),
                gas_cap,
                bounds: bounds(None, deadline_ms),
            };
            Ok(simulate::simulate(base, &value)?)
        })?;
        Ok(PyBytes::new(py, json.as_bytes()))
    }

    #[pyo3(signature = (header, transactions, *, index, config, deadline_ms = None,
                        max_bytes = 256 << 20))]
    #[expect(clippy::too_many_arguments, reason = "the signature of _native.pyi")]
    fn trace_block<'py>(
        &self,
        py: Python<'py>,
        header: &[u8],
        transactions: Vec<PyBackedBytes>,
        index: Option<usize>,
        config: &[u8],
        deadline_ms: Option<u64>,
        max_bytes: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let json = guard::detached(py, "trace", || {
            let header = header::decode(header)?;
            let parent = header.number.checked_sub(1);
            let parent = parent.ok_or_else(|| Error::refused("genesis is not traceable"))?;
            let view = self.state.view(parent).map_err(Error::from)?;
            let config = TraceConfig::parse(config).map_err(Error::from)?;
            let bounds = TraceBounds::new(deadline_ms, &config, max_bytes);
            let raws: Vec<&[u8]> = transactions.iter().map(|raw| &**raw).collect();
            let rules = &self.rules;
            Ok(trace::trace_block(
                view, rules, &header, &raws, index, &config, bounds,
            )?)
        })?;
        Ok(PyBytes::new(py, json.as_bytes()))
    }

    #[pyo3(signature = (request, header, at, *, config, gas_cap = 50_000_000, deadline_ms = None,
                        max_bytes = 256 << 20))]
    #[expect(clippy::too_many_arguments, reason = "the signature of _native.pyi")]
    fn trace_call<'py>(
        &self,
        py: Python<'py>,
        request: &[u8],
        header: &[u8],
        at: u64,
        config: &[u8],
        gas_cap: u64,
        deadline_ms: Option<u64>,
        max_bytes: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let json = guard::detached(py, "trace", || {
            let request = self::request(request)?;
            let config = TraceConfig::parse(config).map_err(Error::from)?;
            let view = self.state.view(at).map_err(Error::from)?;
            let mut block = self.rules.block_env(&header::decode(header)?);
            config
                .block_overrides
                .apply(&mut block)
                .map_err(Error::from)?;
            let mut scene = Scene::new(view, &self.rules, block);
            let bounds = TraceBounds::new(deadline_ms, &config, max_bytes);
            Ok(trace::trace_call(
                &mut scene, &request, gas_cap, &config, bounds,
            )?)
        })?;
        Ok(PyBytes::new(py, json.as_bytes()))
    }
}

impl Engine {
    /// Only the head has a trie to change: on an older block simulated roots are zero.
    fn simulated_root(&self, at: u64, changes: &StateChanges) -> Result<B256, Error> {
        if at != self.state.head() {
            return Ok(B256::ZERO);
        }
        let root = self.state.state_root(changes)?;
        // A block committed meanwhile makes it a root of nothing.
        Ok(if at == self.state.head() {
            root
        } else {
            B256::ZERO
        })
    }

    /// None: the steps were not enough.
    fn outcome(
        &self,
        json: &[u8],
        place: &Place<'_>,
        gas_cap: u64,
        bounds: Bounds,
    ) -> Result<Option<Outcome>, Error> {
        let outcome = request(json).and_then(|request| {
            let mut scene = place.scene(self)?;
            call::call(&mut scene, &request, gas_cap, bounds)
        });
        match outcome {
            Err(CallError::OutOfSteps) => Ok(None),
            other => Ok(Some(other?)),
        }
    }
}
