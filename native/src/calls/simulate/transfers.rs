//! `TransferLogs`: the logs of an execution, with transfers of ether among them if asked for.

use alloy_primitives::{Address, B256, Log, LogData, U256, address, b256};
use revm::context_interface::{ContextTr, JournalTr};
use revm::inspector::Inspector;
use revm::interpreter::interpreter::EthInterpreter;
use revm::interpreter::{CallInputs, CallOutcome, CallScheme, CreateInputs, CreateOutcome};

/// Emitter of transfers of ether.
const ETHER: Address = address!("eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee");
/// `Transfer(address,address,uint256)`.
const TRANSFER: B256 = b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");

/// Logs of the frames still open, outermost first; those of failed frames are dropped.
#[derive(Debug, Default)]
pub struct TransferLogs {
    ether: bool,
    /// Logs of the block so far: dropped ones keep their index, as in geth.
    count: u64,
    open: Vec<Vec<IndexedLog>>,
    kept: Vec<IndexedLog>,
}

/// A log with its index in the block.
pub type IndexedLog = (u64, Log);

impl TransferLogs {
    pub fn new(ether: bool, count: u64) -> Self {
        Self {
            ether,
            count,
            ..Self::default()
        }
    }

    /// The logs that stand, and how many the block has with those that do not.
    pub fn finish(self) -> (Vec<IndexedLog>, u64) {
        (self.kept, self.count)
    }

    fn enter(&mut self, from: Address, to: Address, value: U256) {
        self.open.push(Vec::new());
        self.transfer(from, to, value);
    }

    fn transfer(&mut self, from: Address, to: Address, value: U256) {
        if !self.ether || value.is_zero() {
            return;
        }
        let topics = vec![TRANSFER, from.into_word(), to.into_word()];
        let data = value.to_be_bytes::<32>().into();
        self.push(Log {
            address: ETHER,
            data: LogData::new_unchecked(topics, data),
        });
    }

    fn push(&mut self, log: Log) {
        if let Some(frame) = self.open.last_mut() {
            frame.push((self.count, log));
            self.count += 1;
        }
    }

    fn leave(&mut self, succeeded: bool) {
        let Some(logs) = self.open.pop().filter(|_| succeeded) else {
            return;
        };
        self.open.last_mut().unwrap_or(&mut self.kept).extend(logs);
    }
}

impl<CTX: ContextTr> Inspector<CTX, EthInterpreter> for TransferLogs {
    fn log(&mut self, _: &mut CTX, log: Log) {
        self.push(log);
    }

    fn call(&mut self, _: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        let value = match inputs.scheme {
            CallScheme::Call | CallScheme::CallCode => inputs.value.get(),
            CallScheme::DelegateCall | CallScheme::StaticCall => U256::ZERO,
        };
        self.enter(inputs.caller, inputs.target_address, value);
        None
    }

    fn call_end(&mut self, _: &mut CTX, _: &CallInputs, outcome: &mut CallOutcome) {
        self.leave(outcome.result.result.is_ok());
    }

    fn create(&mut self, context: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        let caller = context.journal_mut().load_account(inputs.caller());
        let nonce = caller.map_or(0, |caller| caller.data.info.nonce);
        let created = inputs.created_address(nonce);
        self.enter(inputs.caller(), created, inputs.value());
        None
    }

    fn create_end(&mut self, _: &mut CTX, _: &CreateInputs, outcome: &mut CreateOutcome) {
        self.leave(outcome.result.result.is_ok());
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        self.transfer(contract, target, value);
    }
}
