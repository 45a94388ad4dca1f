//! One simulated block: its overrides, its calls, its header.

use std::cmp::Ordering;

use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_eips::eip2935::HISTORY_STORAGE_ADDRESS;
use alloy_eips::eip4788::BEACON_ROOTS_ADDRESS;
use alloy_primitives::{Address, B256, Bloom, Bytes, U256, logs_bloom};
use alloy_trie::EMPTY_ROOT_HASH;
use alloy_trie::root::ordered_trie_root_encoded;
use revm::context::TxEnv;
use revm::context::result::{ExecutionResult, InvalidTransaction, ResultAndState};
use revm::context_interface::block::BlobExcessGasAndPrice;
use revm::handler::{SYSTEM_ADDRESS, SystemCallEvm};
use revm::primitives::eip4844::GAS_PER_BLOB;
use revm::primitives::hardfork::SpecId;
use revm::{Database, DatabaseCommit, DatabaseRef};

use super::Simulation;
use super::payload::{BlockCalls, Planned};
use super::transaction::Simulated;
use super::transfers::{IndexedLog, TransferLogs};
use crate::calls::precompiles::CallPrecompiles;
use crate::calls::refusal::{CallError, MALFORMED, REVERTED, Refusal};
use crate::calls::request::{CallRequest, relax};
use crate::calls::state_override;
use crate::calls::words;
use crate::errors::Error;
use crate::evm::seal;
use crate::header::EMPTY_REQUESTS_HASH;

const NONCE_TOO_LOW: i32 = -38010;
const NONCE_TOO_HIGH: i32 = -38011;
const FEE_TOO_LOW: i32 = -38012;
const INTRINSIC_GAS: i32 = -38013;
const INSUFFICIENT_FUNDS: i32 = -38014;
const BLOCK_FULL: i32 = -38015;
const SENDER_NOT_EOA: i32 = -38024;
const INIT_CODE_TOO_LARGE: i32 = -38025;
const EXECUTION_FAILED: i32 = -32015;
const INTERNAL: i32 = -32603;

/// What one call gave.
#[derive(Debug)]
pub struct CallOutcome {
    pub transaction: Simulated,
    pub output: Bytes,
    pub logs: Vec<IndexedLog>,
    pub gas_used: u64,
    pub max_used_gas: u64,
    /// Code and words of a call that failed.
    pub error: Option<Refusal>,
}

/// A block that was executed.
#[derive(Debug)]
pub struct SimulatedBlock {
    pub header: Header,
    pub hash: B256,
    pub calls: Vec<CallOutcome>,
}

/// Sums over the calls of a block so far.
#[derive(Default)]
struct Totals {
    gas_used: u64,
    blob_gas_used: u64,
    receipts: Vec<Vec<u8>>,
    bloom: Bloom,
    logs: u64,
}

impl<V: DatabaseRef<Error: Into<Error>>> Simulation<'_, V> {
    /// Executes the next block on what the blocks before it left.
    pub fn execute(&mut self, planned: Planned) -> Result<SimulatedBlock, CallError> {
        crate::calls::scene::in_time(self.bounds.deadline)?;
        let mut header = self.header(&planned)?;
        self.enter_block(&header, &planned.calls)?;
        let mut totals = Totals::default();
        let mut calls = Vec::with_capacity(planned.calls.calls.len());
        for request in &planned.calls.calls {
            calls.push(self.execute_call(request, &header, &mut totals)?);
        }
        header.gas_used = totals.gas_used;
        header.blob_gas_used = Some(totals.blob_gas_used);
        header.logs_bloom = totals.bloom;
        header.receipts_root = ordered_trie_root_encoded(&totals.receipts);
        let raws: Vec<&[u8]> = calls
            .iter()
            .map(|call| call.transaction.raw.as_slice())
            .collect();
        header.transactions_root = ordered_trie_root_encoded(&raws);
        header.state_root = self.state_root()?;
        let hash = header.hash_slow();
        self.scene
            .db
            .cache
            .block_hashes
            .insert(U256::from(header.number), hash);
        self.parent = (header.clone(), hash);
        Ok(SimulatedBlock {
            header,
            hash,
            calls,
        })
    }

    fn header(&self, planned: &Planned) -> Result<Header, CallError> {
        let (parent, parent_hash) = &self.parent;
        let overrides = &planned.calls.block;
        if overrides
            .withdrawals
            .as_ref()
            .is_some_and(|list| !list.is_empty())
        {
            let why = "block override \"withdrawals\": blocks of this chain have none";
            return Err(Refusal::malformed(why).into());
        }
        let base_fee = match overrides.base_fee {
            Some(fee) => u64::try_from(fee)
                .map_err(|_| Refusal::malformed("block override \"baseFeePerGas\" is too high"))?,
            None if self.options.validation => parent
                .next_block_base_fee(self.rules.base_fee_params)
                .unwrap_or_default(),
            None => 0,
        };
        Ok(Header {
            parent_hash: *parent_hash,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: overrides.fee_recipient.unwrap_or(parent.beneficiary),
            number: planned.number,
            timestamp: planned.time,
            gas_limit: overrides.gas_limit.unwrap_or(parent.gas_limit),
            difficulty: overrides.difficulty.unwrap_or_default(),
            mix_hash: overrides.prev_randao.unwrap_or_default(),
            base_fee_per_gas: Some(base_fee),
            withdrawals_root: Some(EMPTY_ROOT_HASH),
            excess_blob_gas: Some(seal::excess_blob_gas(self.rules, parent, planned.time)),
            parent_beacon_block_root: Some(overrides.beacon_root.unwrap_or_default()),
            requests_hash: Some(EMPTY_REQUESTS_HASH),
            ..Header::default()
        })
    }

    fn enter_block(&mut self, header: &Header, calls: &BlockCalls) -> Result<(), CallError> {
        let scene = &mut self.scene;
        scene.cfg = self.rules.cfg_env(header.timestamp);
        relax(&mut scene.cfg);
        scene.cfg.disable_nonce_check = !self.options.validation;
        scene.block = self.rules.block_env(header);
        if let Some(fee) = calls.block.blob_base_fee {
            scene.block.blob_excess_gas_and_price = Some(BlobExcessGasAndPrice {
                excess_blob_gas: header.excess_blob_gas.unwrap_or_default(),
                blob_gasprice: fee.saturating_to(),
            });
        }
        scene.moved = None;
        let spec = scene.cfg.spec;
        state_override::apply(&calls.state, &mut scene.db, &mut scene.moved, || {
            CallPrecompiles::table(spec)
        })?;
        if spec.is_enabled_in(SpecId::PRAGUE) {
            self.system_call(HISTORY_STORAGE_ADDRESS, header.parent_hash)?;
        }
        if spec.is_enabled_in(SpecId::CANCUN) {
            let root = header.parent_beacon_block_root.unwrap_or_default();
            self.system_call(BEACON_ROOTS_ADDRESS, root)?;
        }
        Ok(())
    }

    fn system_call(&mut self, contract: Address, word: B256) -> Result<(), CallError> {
        let data = Bytes::copy_from_slice(word.as_slice());
        let outcome = self
            .scene
            .evm(())
            .system_call_with_caller(SYSTEM_ADDRESS, contract, data);
        let outcome = outcome.map_err(|error| CallError::from_evm(error, |why| why.to_string()))?;
        self.scene.db.commit(outcome.state);
        Ok(())
    }

    fn execute_call(
        &mut self,
        request: &CallRequest,
        header: &Header,
        totals: &mut Totals,
    ) -> Result<CallOutcome, CallError> {
        crate::calls::scene::in_time(self.bounds.deadline)?;
        let env = self.environment(request, header, totals.gas_used)?;
        let transaction = Simulated::new(request, env.clone());
        let (outcome, logs, fault) = self.run(request, env, totals.logs)?;
        let (logs, count) = logs.finish();
        totals.logs = count;
        let result = outcome.result;
        self.scene.db.commit(outcome.state);
        let gas = *result.gas();
        totals.gas_used += gas.tx_gas_used();
        totals.blob_gas_used += GAS_PER_BLOB * transaction.env.blob_hashes.len() as u64;
        self.gas_left = self.gas_left.saturating_sub(gas.tx_gas_used());
        let written = if result.is_success() {
            result.logs().to_vec()
        } else {
            Vec::new()
        };
        totals.bloom |= logs_bloom(&written);
        let receipt = transaction.receipt(result.is_success(), totals.gas_used, written);
        totals.receipts.push(receipt);
        Ok(CallOutcome {
            transaction,
            output: match &result {
                ExecutionResult::Success { output, .. } => output.data().clone(),
                _ => Bytes::new(),
            },
            logs,
            gas_used: gas.tx_gas_used(),
            max_used_gas: gas.total_gas_spent().max(gas.floor_gas()),
            error: failure(&result, fault),
        })
    }

    /// The transaction with geth's defaults: the sender's nonce, the gas that the block has left.
    fn environment(
        &mut self,
        request: &CallRequest,
        header: &Header,
        gas_used: u64,
    ) -> Result<TxEnv, CallError> {
        request.check(self.rules.chain_id)?;
        let left = header.gas_limit.saturating_sub(gas_used);
        let asked = request.gas.unwrap_or(left);
        if asked > left {
            let words = format!(
                "block gas limit reached: {gas_used} >= {}",
                header.gas_limit
            );
            return Err(Refusal::new(BLOCK_FULL, words).into());
        }
        let mut env = request.to_tx(asked.min(self.gas_left), self.rules.chain_id);
        let account = self.scene.db.basic(env.caller);
        let account = account.map_err(|error| CallError::Failed(error.into()))?;
        let next = account.unwrap_or_default().nonce;
        env.nonce = request.nonce.unwrap_or(next);
        if self.options.validation {
            self.check_nonce(request, &env, next)?;
        }
        Ok(env)
    }

    /// Before anything else, as in geth: its words are expected even where fees are wrong too.
    fn check_nonce(&self, request: &CallRequest, env: &TxEnv, next: u64) -> Result<(), CallError> {
        let invalid = match env.nonce.cmp(&next) {
            Ordering::Less => InvalidTransaction::NonceTooLow {
                tx: env.nonce,
                state: next,
            },
            Ordering::Greater => InvalidTransaction::NonceTooHigh {
                tx: env.nonce,
                state: next,
            },
            Ordering::Equal if next == u64::MAX => InvalidTransaction::NonceOverflowInTransaction,
            Ordering::Equal => return Ok(()),
        };
        let offer = request.offer(env.gas_limit, &self.scene.block);
        let words = words::invalid_transaction(&invalid, &offer);
        Err(rejection(
            CallError::Rejected { invalid, words },
            env.gas_limit,
        ))
    }

    fn run(
        &mut self,
        request: &CallRequest,
        mut env: TxEnv,
        logs: u64,
    ) -> Result<(ResultAndState, TransferLogs, words::Fault), CallError> {
        let gas_limit = env.gas_limit;
        let block = self.scene.block.clone();
        if !self.options.validation {
            // Not checked, so that the largest nonce is as good as any.
            env.nonce = 0;
            self.waive_fees(request);
        }
        let inspector = TransferLogs::new(self.options.trace_transfers, logs);
        let outcome = self.scene.inspect(request, env, self.bounds, inspector);
        self.scene.block = block;
        outcome.map_err(|error| rejection(error, gas_limit))
    }

    /// A call without fees pays none, whatever the base fee is.
    fn waive_fees(&mut self, request: &CallRequest) {
        let (cap, tip) = request.fees();
        self.scene.cfg.disable_base_fee = cap.is_zero() && tip.is_zero();
        if request.max_blob_fee.unwrap_or_default().is_zero()
            && let Some(blob) = &mut self.scene.block.blob_excess_gas_and_price
        {
            blob.blob_gasprice = 0;
        }
    }
}

/// A call that fails is part of the answer.
fn failure(result: &ExecutionResult, fault: words::Fault) -> Option<Refusal> {
    match result {
        ExecutionResult::Success { .. } => None,
        ExecutionResult::Revert { output, .. } => Some(Refusal {
            code: REVERTED,
            message: words::revert(output),
            data: Some(output.to_string()),
        }),
        ExecutionResult::Halt { reason, .. } => {
            Some(Refusal::new(EXECUTION_FAILED, words::halt(reason, fault)))
        }
    }
}

/// A call that the rules reject ends the simulation.
fn rejection(error: CallError, gas_limit: u64) -> CallError {
    let CallError::Rejected { invalid, words } = error else {
        return error;
    };
    let code = match invalid {
        InvalidTransaction::NonceTooLow { .. } => NONCE_TOO_LOW,
        InvalidTransaction::NonceTooHigh { .. } => NONCE_TOO_HIGH,
        InvalidTransaction::GasPriceLessThanBasefee => FEE_TOO_LOW,
        InvalidTransaction::CallGasCostMoreThanGasLimit { .. }
        | InvalidTransaction::GasFloorMoreThanGasLimit { .. } => INTRINSIC_GAS,
        InvalidTransaction::LackOfFundForMaxFee { .. }
        | InvalidTransaction::OverflowPaymentInTransaction => INSUFFICIENT_FUNDS,
        InvalidTransaction::RejectCallerWithCode => SENDER_NOT_EOA,
        InvalidTransaction::CreateInitCodeSizeLimit => INIT_CODE_TOO_LARGE,
        InvalidTransaction::PriorityFeeGreaterThanMaxFee => MALFORMED,
        _ => INTERNAL,
    };
    Refusal::new(code, format!("err: {words} (supplied gas {gas_limit})")).into()
}
