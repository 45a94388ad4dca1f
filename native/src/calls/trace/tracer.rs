//! `Tracer`: one of the tracers at work, and how it becomes JSON.

use alloy_primitives::{Address, Log, U256};
use alloy_rpc_types_eth::TransactionInfo;
use alloy_rpc_types_trace::geth::{FourByteFrame, PreStateConfig};
use revm::DatabaseRef;
use revm::context::result::ResultAndState;
use revm::context_interface::ContextTr;
use revm::inspector::{Inspector, JournalExt};
use revm::interpreter::interpreter::EthInterpreter;
use revm::interpreter::{CallInputs, CallOutcome, CreateInputs, CreateOutcome, Interpreter};
use revm::state::{Account, EvmState};
use revm_inspectors::tracing::{
    FourByteInspector, GethTraceBuilder, TracingInspector, TracingInspectorConfig,
};
use serde::Serialize;

use super::call_frames::CallTracer;
use super::config::TracerConfig;
use super::struct_log::StructLogger;
use crate::errors::Error;

/// Code of one account at most (EIP-170).
const MAX_CODE_BYTES: usize = 24_576;
/// A slot with its value as JSON.
const SLOT_BYTES: usize = 137;

/// A tracer in the middle of a transaction.
pub enum Tracer {
    StructLogs(Box<StructLogger>),
    Calls(Box<CallTracer>),
    FlatCalls(Box<TracingInspector>),
    /// Needs nothing but the changes of state.
    Prestate(PreStateConfig),
    FourBytes(FourByteInspector),
    Noop,
    Mux(Vec<(String, Tracer)>),
}

impl Tracer {
    /// `max_bytes` bounds what struct logs write; other tracers are bounded by `Watch`.
    pub fn new(config: &TracerConfig, max_bytes: usize) -> Self {
        match config {
            TracerConfig::StructLogs(config) => {
                Self::StructLogs(Box::new(StructLogger::new(*config, max_bytes)))
            }
            TracerConfig::Calls(config) => Self::Calls(Box::new(CallTracer::new(*config))),
            TracerConfig::FlatCalls => {
                let config = TracingInspectorConfig::default_parity();
                Self::FlatCalls(Box::new(TracingInspector::new(config)))
            }
            TracerConfig::Prestate(config) => Self::Prestate(*config),
            TracerConfig::FourBytes => Self::FourBytes(FourByteInspector::default()),
            TracerConfig::Noop => Self::Noop,
            TracerConfig::Mux(tracers) => {
                let tracer = |(name, config): &(String, TracerConfig)| {
                    (name.clone(), Self::new(config, max_bytes))
                };
                Self::Mux(tracers.iter().map(tracer).collect())
            }
        }
    }

    /// Whether the trace outgrew its bound.
    pub fn overflowed(&self) -> bool {
        match self {
            Self::StructLogs(logger) => logger.overflowed(),
            Self::Mux(tracers) => tracers.iter().any(|(_, tracer)| tracer.overflowed()),
            _ => false,
        }
    }

    /// The trace as JSON. `before` is the state that the transaction executed on.
    pub fn finish<DB: DatabaseRef<Error: Into<Error>>>(
        self,
        gas_limit: u64,
        outcome: &ResultAndState,
        before: &DB,
        info: TransactionInfo,
    ) -> Result<String, Error> {
        match self {
            Self::StructLogs(logger) => Ok(logger.finish(&outcome.result)),
            Self::Calls(tracer) => json(&tracer.finish(gas_limit, &outcome.result)),
            Self::FlatCalls(mut tracer) => {
                tracer.set_transaction_gas_limit(gas_limit);
                json(
                    &tracer
                        .into_parity_builder()
                        .into_localized_transaction_traces(info),
                )
            }
            Self::Prestate(config) => {
                let builder = GethTraceBuilder::new(Vec::new());
                let frame = builder.geth_prestate_traces(outcome, &config, before);
                json(&frame.map_err(Into::into)?)
            }
            Self::FourBytes(tracer) => json(&FourByteFrame::from(tracer)),
            Self::Noop => Ok("{}".into()),
            Self::Mux(tracers) => mux(tracers, gas_limit, outcome, before, info),
        }
    }
}

fn mux<DB: DatabaseRef<Error: Into<Error>>>(
    tracers: Vec<(String, Tracer)>,
    gas_limit: u64,
    outcome: &ResultAndState,
    before: &DB,
    info: TransactionInfo,
) -> Result<String, Error> {
    let mut members = Vec::with_capacity(tracers.len());
    for (name, tracer) in tracers {
        // Names are those of tracers: nothing in them needs escaping.
        let trace = tracer.finish(gas_limit, outcome, before, info)?;
        members.push(format!(r#""{name}":{trace}"#));
    }
    Ok(format!("{{{}}}", members.join(",")))
}

fn json<T: Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Internal(format!("trace: {error}")))
}

impl Tracer {
    /// What the trace takes at least, where that follows from the changes of state alone.
    pub fn least_bytes(&self, state: &EvmState) -> usize {
        match self {
            Self::Prestate(config) => {
                let code = if config.code_enabled() {
                    MAX_CODE_BYTES
                } else {
                    0
                };
                state
                    .values()
                    .map(|account| prestate_bytes(account, code))
                    .sum()
            }
            Self::Mux(tracers) => tracers
                .iter()
                .map(|(_, tracer)| tracer.least_bytes(state))
                .sum(),
            _ => 0,
        }
    }
}

/// `code`: for an account whose code was not loaded.
fn prestate_bytes(account: &Account, code: usize) -> usize {
    let code = match &account.info.code {
        _ if account.info.is_empty_code_hash() => 0,
        Some(loaded) => loaded.len().min(code),
        None => code,
    };
    2 * code + SLOT_BYTES * account.storage.len()
}

/// Hands a hook to whichever tracer is at work.
macro_rules! each {
    ($self:ident, $tracer:ident => $hook:expr) => {
        match $self {
            Tracer::StructLogs($tracer) => $hook,
            Tracer::Calls($tracer) => $hook,
            Tracer::FlatCalls($tracer) => $hook,
            Tracer::FourBytes($tracer) => $hook,
            Tracer::Prestate(_) | Tracer::Noop => Default::default(),
            Tracer::Mux(tracers) => {
                for (_, $tracer) in tracers {
                    let _ = $hook;
                }
                Default::default()
            }
        }
    };
}

impl<CTX: ContextTr<Journal: JournalExt>> Inspector<CTX, EthInterpreter> for Tracer {
    fn step(&mut self, interp: &mut Interpreter<EthInterpreter>, context: &mut CTX) {
        each!(self, tracer => tracer.step(interp, context))
    }

    fn step_end(&mut self, interp: &mut Interpreter<EthInterpreter>, context: &mut CTX) {
        each!(self, tracer => tracer.step_end(interp, context))
    }

    fn log(&mut self, context: &mut CTX, log: Log) {
        each!(self, tracer => tracer.log(context, log.clone()))
    }

    fn call(&mut self, context: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        each!(self, tracer => tracer.call(context, inputs))
    }

    fn call_end(&mut self, context: &mut CTX, inputs: &CallInputs, outcome: &mut CallOutcome) {
        each!(self, tracer => tracer.call_end(context, inputs, outcome))
    }

    fn create(&mut self, context: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        each!(self, tracer => tracer.create(context, inputs))
    }

    fn create_end(
        &mut self,
        context: &mut CTX,
        inputs: &CreateInputs,
        outcome: &mut CreateOutcome,
    ) {
        each!(self, tracer => tracer.create_end(context, inputs, outcome))
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        each!(self, tracer => <_ as Inspector<CTX, EthInterpreter>>::selfdestruct(&mut *tracer, contract, target, value))
    }
}
