//! `StructLogger`: geth's default tracer, one JSON object per instruction, written as it executes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use alloy_primitives::{Address, U256, hex};
use revm::bytecode::opcode::{self, OpCode};
use revm::context::result::{ExecutionResult, HaltReason};
use revm::context_interface::{ContextTr, JournalTr};
use revm::inspector::Inspector;
use revm::interpreter::interpreter::EthInterpreter;
use revm::interpreter::interpreter_types::{InputsTr, Jumps, LoopControl, MemoryTr, ReturnData};
use revm::interpreter::{
    CallInputs, CallOutcome, CreateInputs, CreateOutcome, InstructionResult, Interpreter,
    SuccessOrHalt,
};

use crate::calls::words::{self, Fault};

/// What of each step is written. geth's `logger.Config`.
#[derive(Debug, Clone, Copy, Default)]
pub struct StructLogConfig {
    pub memory: bool,
    pub no_stack: bool,
    pub no_storage: bool,
    pub return_data: bool,
    /// Stop writing steps after this many bytes; 0: no such limit.
    pub limit: u64,
}

/// A step that has begun and whose cost is not known yet.
#[derive(Debug, Default)]
struct Step {
    pc: usize,
    opcode: u8,
    gas: u64,
    depth: usize,
    refund: i64,
    /// Members after `error`, as JSON text.
    tail: String,
    slot: Option<U256>,
    fault: Fault,
}

/// Writes steps until `max_bytes`, then halts the execution.
#[derive(Debug)]
pub struct StructLogger {
    config: StructLogConfig,
    max_bytes: usize,
    text: String,
    step: Option<Step>,
    storage: BTreeMap<Address, BTreeMap<U256, U256>>,
    /// Refunds of the frames that wait for the current one.
    outer_refunds: Vec<i64>,
    refund: i64,
}

impl StructLogger {
    pub fn new(config: StructLogConfig, max_bytes: usize) -> Self {
        Self {
            config,
            max_bytes,
            text: String::new(),
            step: None,
            storage: BTreeMap::new(),
            outer_refunds: Vec::new(),
            refund: 0,
        }
    }

    /// Whether the steps outgrew `max_bytes`.
    pub fn overflowed(&self) -> bool {
        self.text.len() > self.max_bytes
    }

    /// The whole trace as JSON.
    pub fn finish(&self, result: &ExecutionResult) -> String {
        let output = result.output().cloned().unwrap_or_default();
        format!(
            r#"{{"gas":{},"failed":{},"returnValue":"{output}","structLogs":[{}]}}"#,
            result.tx_gas_used(),
            !result.is_success(),
            self.text
        )
    }

    fn writes(&self) -> bool {
        let limit = self.config.limit;
        limit == 0 || (self.text.len() as u64) <= limit
    }

    fn begin(&mut self, interp: &Interpreter<EthInterpreter>, depth: usize) {
        let opcode = interp.bytecode.opcode();
        let stack = interp.stack.data();
        self.refund = interp.gas.refunded();
        let mut tail = String::new();
        if !self.config.no_stack {
            write_list(
                &mut tail,
                "stack",
                stack.iter().map(|word| format!("{word:#x}")),
            );
        }
        if self.config.return_data && !interp.return_data.buffer().is_empty() {
            let _ = write!(tail, r#","returnData":"{}""#, interp.return_data.buffer());
        }
        if self.config.memory && interp.memory.size() > 0 {
            let memory = interp.memory.slice(0..interp.memory.size());
            write_list(&mut tail, "memory", memory.chunks(32).map(memory_word));
        }
        let reads_slot =
            !self.config.no_storage && matches!(opcode, opcode::SLOAD | opcode::SSTORE);
        self.step = Some(Step {
            pc: interp.bytecode.pc(),
            opcode,
            gas: interp.gas.remaining(),
            depth,
            refund: self.outer_refunds.iter().sum::<i64>() + self.refund,
            slot: stack.last().copied().filter(|_| reads_slot),
            fault: Fault {
                opcode,
                stack: stack.len(),
            },
            tail,
        });
        if opcode == opcode::SSTORE
            && reads_slot
            && let [.., value, slot] = stack.as_slice()
        {
            self.remember(interp.input.target_address(), *slot, *value);
        }
    }

    fn remember(&mut self, address: Address, slot: U256, value: U256) {
        self.storage.entry(address).or_default().insert(slot, value);
    }

    fn end(&mut self, interp: &mut Interpreter<EthInterpreter>) {
        let Some(mut step) = self.step.take() else {
            return;
        };
        let address = interp.input.target_address();
        if let Some(slot) = step.slot {
            if step.opcode == opcode::SLOAD
                && let Some(value) = interp.stack.data().last()
            {
                self.remember(address, slot, *value);
            }
            self.write_storage(address, &mut step.tail);
        }
        let result = interp
            .bytecode
            .action()
            .as_ref()
            .and_then(|action| action.instruction_result());
        let cost = step.gas.saturating_sub(interp.gas.remaining());
        self.write(
            &step,
            cost,
            result.and_then(|result| fault_words(result, step.fault)),
        );
    }

    fn write_storage(&self, address: Address, tail: &mut String) {
        let Some(slots) = self.storage.get(&address) else {
            return;
        };
        let slot = |(slot, value): (&U256, &U256)| format!(r#""0x{slot:064x}":"0x{value:064x}""#);
        let slots: Vec<String> = slots.iter().map(slot).collect();
        let _ = write!(tail, r#","storage":{{{}}}"#, slots.join(","));
    }

    fn write(&mut self, step: &Step, cost: u64, error: Option<String>) {
        let text = &mut self.text;
        if !text.is_empty() {
            text.push(',');
        }
        let _ = write!(
            text,
            r#"{{"pc":{},"op":"{}","gas":{},"gasCost":{cost},"depth":{}"#,
            step.pc,
            name(step.opcode),
            step.gas,
            step.depth
        );
        if step.refund > 0 {
            let _ = write!(text, r#","refund":{}"#, step.refund);
        }
        if let Some(error) = error {
            let _ = write!(text, r#","error":"{error}""#);
        }
        text.push_str(&step.tail);
        text.push('}');
    }

    fn enter(&mut self) {
        self.outer_refunds.push(self.refund);
        self.refund = 0;
    }

    fn leave(&mut self) {
        self.refund = self.outer_refunds.pop().unwrap_or_default();
    }
}

fn write_list(tail: &mut String, member: &str, items: impl Iterator<Item = String>) {
    let _ = write!(tail, r#","{member}":["#);
    for (index, item) in items.enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(tail, r#"{comma}"{item}""#);
    }
    tail.push(']');
}

fn memory_word(chunk: &[u8]) -> String {
    let mut word = [0; 32];
    word[..chunk.len()].copy_from_slice(chunk);
    hex::encode_prefixed(word)
}

/// geth's name of an instruction; it knows 0x44 by its name from before the merge.
fn name(opcode: u8) -> String {
    match OpCode::new(opcode) {
        Some(OpCode::DIFFICULTY) => "DIFFICULTY".into(),
        Some(op) => op.as_str().into(),
        None => format!("opcode {opcode:#x} not defined"),
    }
}

/// Only faults that geth finds before it executes the instruction stand in the step.
fn fault_words(result: InstructionResult, fault: Fault) -> Option<String> {
    match SuccessOrHalt::<HaltReason>::from(result) {
        SuccessOrHalt::Halt(
            reason @ (HaltReason::OutOfGas(_)
            | HaltReason::StackUnderflow
            | HaltReason::StackOverflow),
        ) => Some(words::halt(&reason, fault)),
        _ => None,
    }
}

impl<CTX: ContextTr> Inspector<CTX, EthInterpreter> for StructLogger {
    fn step(&mut self, interp: &mut Interpreter<EthInterpreter>, context: &mut CTX) {
        if self.overflowed() {
            interp.halt(InstructionResult::OutOfGas);
        } else if self.writes() {
            self.begin(interp, context.journal().depth());
        }
    }

    fn step_end(&mut self, interp: &mut Interpreter<EthInterpreter>, _: &mut CTX) {
        self.end(interp);
    }

    fn call(&mut self, _: &mut CTX, _: &mut CallInputs) -> Option<CallOutcome> {
        self.enter();
        None
    }

    fn call_end(&mut self, _: &mut CTX, _: &CallInputs, _: &mut CallOutcome) {
        self.leave();
    }

    fn create(&mut self, _: &mut CTX, _: &mut CreateInputs) -> Option<CreateOutcome> {
        self.enter();
        None
    }

    fn create_end(&mut self, _: &mut CTX, _: &CreateInputs, _: &mut CreateOutcome) {
        self.leave();
    }
}
