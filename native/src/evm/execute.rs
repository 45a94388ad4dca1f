//! One block under execution: revm over the state at the head, transaction by transaction.
//!
//! Knows nothing of Python, of tries or of how the block came about; `build.rs` and `verify.rs` drive it.

use alloy_consensus::{Header, Transaction as _};
use alloy_eips::eip2935::HISTORY_STORAGE_ADDRESS;
use alloy_eips::eip4788::BEACON_ROOTS_ADDRESS;
use alloy_primitives::{Address, Bytes, keccak256};
use revm::context::result::{EVMError, ExecutionResult};
use revm::database::states::bundle_state::BundleRetention;
use revm::database::{BundleState, State};
use revm::database_interface::{WrapDatabaseRef, bal::EvmDatabaseError};
use revm::handler::{MainnetContext, SYSTEM_ADDRESS};
use revm::primitives::hardfork::SpecId;
use revm::{
    Context, ExecuteCommitEvm, ExecuteEvm, MainBuilder, MainContext, MainnetEvm,
    SystemCallCommitEvm,
};

use super::handler::{ExecutionError, run_system};
use super::refusal::Refusal;
use super::rules::Rules;
use crate::errors::Error;
use crate::records::Record;
use crate::state::StateView;
use crate::system::SystemTransaction;
use crate::transaction::Transaction;

type BlockState = State<WrapDatabaseRef<StateView>>;

/// Least gas that any transaction uses.
pub const MIN_TRANSACTION_GAS: u64 = 21_000;

/// Why a transaction was not executed.
pub enum Failure {
    /// It cannot stand here; the block goes on.
    Refused(Refusal),
    /// The block cannot go on.
    Fatal(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Fatal(error)
    }
}

impl From<ExecutionError<BlockState>> for Failure {
    fn from(error: ExecutionError<BlockState>) -> Self {
        match error {
            EVMError::Transaction(error) => Self::Refused(error.into()),
            other => Self::Fatal(fatal(other)),
        }
    }
}

/// An error of revm that no transaction is to blame for.
fn fatal(error: ExecutionError<BlockState>) -> Error {
    match error {
        EVMError::Database(EvmDatabaseError::Database(error)) => Error::State(error),
        EVMError::Header(error) => {
            Error::InvalidBlock(format!("header cannot be executed: {error}"))
        }
        other => Error::Internal(format!("the EVM stopped: {other}")),
    }
}

/// Why an execution ended without success.
fn failure(result: &ExecutionResult) -> String {
    match result {
        ExecutionResult::Success { .. } => "it did not".into(),
        ExecutionResult::Revert { output, .. } => format!("reverted with {output}"),
        ExecutionResult::Halt { reason, .. } => format!("stopped with {reason:?}"),
    }
}

/// A block's effects.
pub struct Executed {
    pub records: Vec<Record>,
    pub bundle: BundleState,
    pub gas_used: u64,
    pub blob_gas_used: u64,
}

/// Executes one block's transactions in order.
pub struct Executor {
    evm: MainnetEvm<MainnetContext<BlockState>>,
    gas_limit: u64,
    system_must_succeed: bool,
    base_fee: u64,
    blob_gas_price: u128,
    max_blob_gas: u64,
    gas_used: u64,
    blob_gas_used: u64,
    log_count: u64,
    bytes: u64,
    records: Vec<Record>,
}

impl Executor {
    /// Makes the system calls that the fork demands (EIP-4788, EIP-2935).
    pub fn begin(view: StateView, rules: &Rules, header: &Header) -> Result<Self, Error> {
        let block = rules.block_env(header);
        let blob_price = block.blob_excess_gas_and_price;
        let state = State::builder()
            .with_database_ref(view)
            .with_bundle_update()
            .build();
        let evm = Context::mainnet()
            .with_db(state)
            .with_cfg(rules.cfg_env(header.timestamp))
            .with_block(block)
            .build_mainnet();
        let blobs = rules.blob_params(header.timestamp).filter(|_| rules.blobs);
        let mut executor = Self {
            evm,
            gas_limit: header.gas_limit,
            system_must_succeed: rules.system_must_succeed,
            base_fee: header.base_fee_per_gas.unwrap_or_default(),
            blob_gas_price: blob_price.map_or(0, |price| price.blob_gasprice),
            max_blob_gas: blobs.map_or(0, |params| params.max_blob_gas_per_block()),
            gas_used: 0,
            blob_gas_used: 0,
            log_count: 0,
            bytes: 0,
            records: Vec::new(),
        };
        executor.system_calls(rules.spec(header.timestamp), header)?;
        Ok(executor)
    }

    fn system_calls(&mut self, spec: SpecId, header: &Header) -> Result<(), Error> {
        if header.number == 0 {
            return Ok(());
        }
        if let Some(root) = header.parent_beacon_block_root
            && spec.is_enabled_in(SpecId::CANCUN)
        {
            self.system_call(BEACON_ROOTS_ADDRESS, root.0.into())?;
        }
        if spec.is_enabled_in(SpecId::PRAGUE) {
            self.system_call(HISTORY_STORAGE_ADDRESS, header.parent_hash.0.into())?;
        }
        Ok(())
    }

    fn system_call(&mut self, contract: Address, data: Bytes) -> Result<(), Error> {
        self.evm
            .system_call_with_caller_commit(SYSTEM_ADDRESS, contract, data)
            .map(|_| ())
            .map_err(fatal)
    }

    /// Gas left for further transactions.
    pub fn gas_left(&self) -> u64 {
        self.gas_limit.saturating_sub(self.gas_used)
    }

    /// Bytes of all transactions so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A system transaction. One that does not fit into the block is the block's fault, and so is
    /// one that fails, where the rules say so.
    pub fn system(&mut self, raw: Bytes, transaction: &SystemTransaction) -> Result<(), Error> {
        if transaction.gas_limit > self.gas_left() {
            return Err(Error::InvalidBlock(format!(
                "gas limit {} of a system transaction exceeds the {} left in the block",
                transaction.gas_limit,
                self.gas_left()
            )));
        }
        let result = run_system(&mut self.evm, transaction).map_err(fatal)?;
        if self.system_must_succeed && !result.is_success() {
            return Err(Error::InvalidBlock(format!(
                "system transaction {} to {} failed: {}",
                self.records.len(),
                transaction.to,
                failure(&result)
            )));
        }
        let hash = keccak256(&raw);
        self.keep(Record::new(raw, transaction.sender, hash), 0, result);
        Ok(())
    }

    /// A signed transaction.
    pub fn transaction(&mut self, transaction: &Transaction) -> Result<(), Failure> {
        self.check_room(transaction)?;
        let result = self.evm.transact_one(transaction.env())?;
        let price = transaction.effective_gas_price(self.base_fee);
        let record = Record::new(
            transaction.raw.clone(),
            transaction.sender,
            transaction.hash,
        );
        self.keep(record, price, result);
        if let Some(gas) = transaction.envelope.blob_gas_used() {
            self.blob_gas_used += gas;
            if let Some(record) = self.records.last_mut() {
                record.blob_gas_price = self.blob_gas_price;
            }
        }
        Ok(())
    }

    fn check_room(&self, transaction: &Transaction) -> Result<(), Failure> {
        let gas = transaction.envelope.gas_limit();
        if gas > self.gas_left() {
            let refusal = match gas > self.gas_limit {
                true => Refusal::new("gas_limit", "exceeds block gas limit"),
                false => Refusal::new("block_full", "gas limit reached"),
            };
            return Err(Failure::Refused(refusal));
        }
        let blob_gas = transaction.envelope.blob_gas_used().unwrap_or_default();
        if blob_gas > self.max_blob_gas.saturating_sub(self.blob_gas_used) {
            let refusal = match blob_gas > self.max_blob_gas {
                true => Refusal::new("invalid", "more blobs than a block of this chain may have"),
                false => Refusal::new("block_full", "blob gas limit reached"),
            };
            return Err(Failure::Refused(refusal));
        }
        Ok(())
    }

    fn keep(&mut self, record: Record, price: u128, result: ExecutionResult) {
        self.evm.commit_inner();
        let gas_used = result.tx_gas_used();
        self.gas_used += gas_used;
        self.bytes += record.raw.len() as u64;
        let success = result.is_success();
        let logs = if success {
            result.into_logs()
        } else {
            Vec::new()
        };
        let first_log_index = self.log_count;
        self.log_count += logs.len() as u64;
        self.records.push(Record {
            success,
            gas_used,
            cumulative_gas_used: self.gas_used,
            effective_gas_price: price,
            first_log_index,
            logs,
            ..record
        });
    }

    /// Hands over all effects.
    pub fn finish(mut self) -> Executed {
        let state = &mut self.evm.ctx.journaled_state.database;
        state.merge_transitions(BundleRetention::PlainState);
        Executed {
            bundle: state.take_bundle(),
            records: self.records,
            gas_used: self.gas_used,
            blob_gas_used: self.blob_gas_used,
        }
    }
}
