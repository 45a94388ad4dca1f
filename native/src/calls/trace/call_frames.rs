//! `CallTracer`: geth's callTracer, the tree of calls that a transaction makes.

use alloy_primitives::{Address, B256, Bytes, Log, U256};
use revm::context::result::{ExecutionResult, HaltReason};
use revm::context_interface::{ContextTr, JournalTr};
use revm::inspector::Inspector;
use revm::interpreter::interpreter::EthInterpreter;
use revm::interpreter::interpreter_types::Jumps;
use revm::interpreter::{
    CallInputs, CallOutcome, CallScheme, CreateInputs, CreateOutcome, CreateScheme, Interpreter,
    InterpreterResult, SuccessOrHalt,
};
use serde::Serialize;

use crate::calls::words::{self, Fault};

#[derive(Debug, Clone, Copy, Default)]
pub struct CallTracerConfig {
    pub only_top_call: bool,
    pub with_log: bool,
}

/// One call, creation or self-destruction.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Frame {
    pub from: Address,
    pub gas: U256,
    pub gas_used: U256,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Address>,
    pub input: Bytes,
    #[serde(skip_serializing_if = "no_bytes")]
    pub output: Bytes,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revert_reason: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<Frame>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<FrameLog>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<U256>,
    #[serde(rename = "type")]
    pub kind: &'static str,
}

fn no_bytes(bytes: &Bytes) -> bool {
    bytes.is_empty()
}

/// A log with its place among the calls of its frame.
#[derive(Debug, Clone, Serialize)]
pub struct FrameLog {
    pub address: Address,
    pub topics: Vec<B256>,
    pub data: Bytes,
    pub position: U256,
    pub index: U256,
}

/// Builds the tree. The frames still open stand in `open`, outermost first.
#[derive(Debug, Default)]
pub struct CallTracer {
    config: CallTracerConfig,
    open: Vec<Frame>,
    root: Option<Frame>,
    /// Frames deeper than the top one that are left out.
    skipped: usize,
    logs: u64,
    fault: Fault,
}

impl CallTracer {
    pub fn new(config: CallTracerConfig) -> Self {
        Self {
            config,
            ..Self::default()
        }
    }

    /// The tree, with the gas of the whole transaction at its root.
    pub fn finish(self, gas_limit: u64, result: &ExecutionResult) -> Frame {
        let mut root = self.root.unwrap_or_default();
        root.gas = U256::from(gas_limit);
        root.gas_used = U256::from(result.tx_gas_used());
        clear_failed_logs(&mut root, false);
        root
    }

    fn enter(&mut self, frame: impl FnOnce(&Self) -> Frame) {
        if self.config.only_top_call && !self.open.is_empty() {
            self.skipped += 1;
            return;
        }
        let frame = frame(self);
        self.open.push(frame);
    }

    fn leave(&mut self, result: &InterpreterResult, created: Option<Option<Address>>) {
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        let Some(mut frame) = self.open.pop() else {
            return;
        };
        if let Some(created) = created {
            frame.to = created.or(frame.to);
        }
        settle(&mut frame, result, self.fault);
        match self.open.last_mut() {
            Some(parent) => parent.calls.push(frame),
            None => self.root = Some(frame),
        }
    }

    fn record(&mut self, log: Log) {
        let index = U256::from(self.logs);
        self.logs += 1;
        if !self.config.with_log || self.skipped > 0 {
            return;
        }
        let Some(frame) = self.open.last_mut() else {
            return;
        };
        let position = U256::from(frame.calls.len());
        let (topics, data) = log.data.split();
        frame.logs.push(FrameLog {
            address: log.address,
            topics,
            data,
            position,
            index,
        });
    }
}

fn settle(frame: &mut Frame, result: &InterpreterResult, fault: Fault) {
    let outcome = SuccessOrHalt::<HaltReason>::from(result.result);
    let halted = matches!(outcome, SuccessOrHalt::Halt(_));
    let left = if halted { 0 } else { result.gas.remaining() };
    frame.gas_used = frame.gas.saturating_sub(U256::from(left));
    match outcome {
        SuccessOrHalt::Success(_) => frame.output = result.output.clone(),
        SuccessOrHalt::Revert => {
            frame.error = Some("execution reverted".into());
            frame.revert_reason = words::revert_reason(&result.output);
            frame.output = result.output.clone();
        }
        SuccessOrHalt::Halt(reason) => frame.error = Some(words::halt(&reason, fault)),
        SuccessOrHalt::FatalExternalError | SuccessOrHalt::Internal(_) => {
            frame.error = Some("execution aborted".into());
        }
    }
    if frame.error.is_some() && frame.kind.starts_with("CREATE") {
        frame.to = None;
    }
}

/// Logs of a call that failed, and of all that it called, never happened.
fn clear_failed_logs(frame: &mut Frame, failed: bool) {
    let failed = failed || frame.error.is_some();
    if failed {
        frame.logs.clear();
    }
    for call in &mut frame.calls {
        clear_failed_logs(call, failed);
    }
}

fn call_frame(tracer: &CallTracer, inputs: &CallInputs, input: Bytes) -> Frame {
    let (kind, from, to) = match inputs.scheme {
        CallScheme::Call => ("CALL", inputs.caller, inputs.target_address),
        CallScheme::StaticCall => ("STATICCALL", inputs.caller, inputs.target_address),
        CallScheme::CallCode => ("CALLCODE", inputs.target_address, inputs.bytecode_address),
        CallScheme::DelegateCall => (
            "DELEGATECALL",
            inputs.target_address,
            inputs.bytecode_address,
        ),
    };
    let value = match inputs.scheme {
        CallScheme::StaticCall => None,
        CallScheme::DelegateCall => tracer.open.last().and_then(|parent| parent.value),
        CallScheme::Call | CallScheme::CallCode => Some(inputs.value.get()),
    };
    Frame {
        kind,
        from,
        to: Some(to),
        gas: U256::from(inputs.gas_limit),
        input,
        value,
        ..Frame::default()
    }
}

fn create_frame(inputs: &CreateInputs, nonce: u64) -> Frame {
    let kind = match inputs.scheme() {
        CreateScheme::Create2 { .. } => "CREATE2",
        CreateScheme::Create | CreateScheme::Custom { .. } => "CREATE",
    };
    Frame {
        kind,
        from: inputs.caller(),
        to: Some(inputs.created_address(nonce)),
        gas: U256::from(inputs.gas_limit()),
        input: inputs.init_code().clone(),
        value: Some(inputs.value()),
        ..Frame::default()
    }
}

impl<CTX: ContextTr> Inspector<CTX, EthInterpreter> for CallTracer {
    fn step(&mut self, interp: &mut Interpreter<EthInterpreter>, _: &mut CTX) {
        self.fault = Fault {
            opcode: interp.bytecode.opcode(),
            stack: interp.stack.len(),
        };
    }

    fn log(&mut self, _: &mut CTX, log: Log) {
        self.record(log);
    }

    fn call(&mut self, context: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.enter(|tracer| call_frame(tracer, inputs, inputs.input.bytes(context)));
        None
    }

    fn call_end(&mut self, _: &mut CTX, _: &CallInputs, outcome: &mut CallOutcome) {
        self.leave(&outcome.result, None);
    }

    fn create(&mut self, context: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        let caller = context.journal_mut().load_account(inputs.caller());
        let nonce = caller.map_or(0, |caller| caller.data.info.nonce);
        self.enter(|_| create_frame(inputs, nonce));
        None
    }

    fn create_end(&mut self, _: &mut CTX, _: &CreateInputs, outcome: &mut CreateOutcome) {
        self.leave(&outcome.result, Some(outcome.address));
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        if self.config.only_top_call {
            return;
        }
        if let Some(frame) = self.open.last_mut() {
            frame.calls.push(Frame {
                kind: "SELFDESTRUCT",
                from: contract,
                to: Some(target),
                value: Some(value),
                ..Frame::default()
            });
        }
    }
}
