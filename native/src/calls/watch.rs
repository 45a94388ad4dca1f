//! `Watch`: the inspector that bounds one execution, by steps, by the clock and by recorded bytes.

use std::time::{Duration, Instant};

use alloy_primitives::Log;
use revm::bytecode::opcode;
use revm::inspector::Inspector;
use revm::interpreter::interpreter::EthInterpreter;
use revm::interpreter::interpreter_types::Jumps;
use revm::interpreter::{
    CallInputs, CallOutcome, CreateInputs, CreateOutcome, InstructionResult, Interpreter,
};

use super::words::Fault;

/// Steps between two looks at the clock.
const CLOCK_INTERVAL: u64 = 4096;

/// What a recorded frame or log takes as JSON besides its data.
const FRAME_BYTES: u64 = 256;

/// A precompile of this much gas counts as one step.
const PRECOMPILE_GAS_PER_STEP: u64 = 4;

/// Steps that an instruction counts as: those that read the store or work on much memory weigh more.
static WEIGHTS: [u8; 256] = weights();

const fn weights() -> [u8; 256] {
    let mut weights = [1; 256];
    let heavy = [
        opcode::SLOAD,
        opcode::SSTORE,
        opcode::BALANCE,
        opcode::EXTCODESIZE,
        opcode::EXTCODECOPY,
        opcode::EXTCODEHASH,
        opcode::BLOCKHASH,
        opcode::KECCAK256,
        opcode::CALL,
        opcode::CALLCODE,
        opcode::DELEGATECALL,
        opcode::STATICCALL,
        opcode::CREATE,
        opcode::CREATE2,
        opcode::SELFDESTRUCT,
    ];
    let mut i = 0;
    while i < heavy.len() {
        weights[heavy[i] as usize] = 16;
        i += 1;
    }
    weights
}

/// Which bound stopped an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    Steps,
    Deadline,
    Bytes,
}

/// The bounds of one request. `None`: unbounded, but for gas.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bounds {
    pub steps: Option<u64>,
    pub deadline: Option<Deadline>,
    /// What a trace records, as JSON.
    pub bytes: Option<Allowance>,
}

/// Bytes of an answer.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    /// For what is executed now.
    pub left: u64,
    /// For the whole request.
    pub whole: u64,
}

/// A point in time, with the time-out that it came from.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    pub at: Instant,
    pub timeout: Duration,
}

impl Deadline {
    pub fn in_ms(timeout_ms: u64) -> Self {
        let timeout = Duration::from_millis(timeout_ms);
        Self {
            at: Instant::now() + timeout,
            timeout,
        }
    }

    pub fn passed(&self) -> bool {
        Instant::now() >= self.at
    }
}

impl Bounds {
    /// Whether an execution must be watched at all.
    pub fn any(&self) -> bool {
        self.steps.is_some() || self.deadline.is_some() || self.bytes.is_some()
    }
}

/// Counts what an execution does, and halts every frame of it once a bound is reached.
#[derive(Debug, Clone)]
pub struct Watch {
    bounds: Bounds,
    steps: u64,
    bytes: u64,
    next_look: u64,
    stop: Option<Stop>,
    fault: Fault,
}

impl Watch {
    pub fn new(bounds: Bounds) -> Self {
        let mut watch = Self {
            bounds,
            steps: 0,
            bytes: 0,
            next_look: 0,
            stop: None,
            fault: Fault::default(),
        };
        watch.next_look = watch.look_after(0);
        watch
    }

    /// The bound that stopped the execution, if one did.
    pub fn stop(&self) -> Option<Stop> {
        self.stop
    }

    /// Where the last instruction stood: the faulting one, if the execution halted.
    pub fn fault(&self) -> Fault {
        self.fault
    }

    fn look_after(&self, steps: u64) -> u64 {
        let limit = self.bounds.steps.unwrap_or(u64::MAX);
        limit.min(steps.saturating_add(CLOCK_INTERVAL))
    }

    #[inline]
    fn count(&mut self, steps: u64) {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > self.next_look {
            self.look();
        }
    }

    #[cold]
    fn look(&mut self) {
        if self.bounds.steps.is_some_and(|limit| self.steps > limit) {
            self.stop.get_or_insert(Stop::Steps);
        }
        if self
            .bounds
            .deadline
            .is_some_and(|deadline| deadline.passed())
        {
            self.stop.get_or_insert(Stop::Deadline);
        }
        self.next_look = self.look_after(self.steps);
    }

    /// Counts what a trace of `len` bytes of data takes as JSON.
    fn record(&mut self, len: usize) {
        let text = (len as u64).saturating_mul(2).saturating_add(FRAME_BYTES);
        self.bytes = self.bytes.saturating_add(text);
        if self
            .bounds
            .bytes
            .is_some_and(|limit| self.bytes > limit.left)
        {
            self.stop.get_or_insert(Stop::Bytes);
        }
    }
}

impl<CTX> Inspector<CTX, EthInterpreter> for Watch {
    #[inline]
    fn step(&mut self, interp: &mut Interpreter<EthInterpreter>, _: &mut CTX) {
        let opcode = interp.bytecode.opcode();
        self.fault = Fault {
            opcode,
            stack: interp.stack.len(),
        };
        self.count(u64::from(WEIGHTS[usize::from(opcode)]));
        if self.stop.is_some() {
            interp.halt(InstructionResult::OutOfGas);
        }
    }

    fn log(&mut self, _: &mut CTX, log: Log) {
        self.record(log.data.data.len());
    }

    fn call(&mut self, _: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.record(inputs.input.len());
        None
    }

    fn call_end(&mut self, _: &mut CTX, _: &CallInputs, outcome: &mut CallOutcome) {
        self.record(outcome.result.output.len());
        if outcome.was_precompile_called {
            self.count(outcome.result.gas.total_gas_spent() / PRECOMPILE_GAS_PER_STEP);
        }
    }

    fn create(&mut self, _: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        self.record(inputs.init_code().len());
        None
    }
}
