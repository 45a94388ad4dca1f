//! eth_estimateGas: the smallest gas limit that a transaction succeeds with, by bisection.

use alloy_primitives::U256;
use revm::DatabaseRef;
use revm::context::TxEnv;
use revm::context::result::{ExecutionResult, HaltReason, InvalidTransaction};
use revm::primitives::eip4844::GAS_PER_BLOB;
use revm::primitives::hardfork::SpecId;

use super::refusal::{CallError, REVERTED, Refusal};
use super::request::CallRequest;
use super::scene::{Run, Scene};
use super::watch::Bounds;
use super::words;
use crate::errors::Error;

/// Gas of a plain transfer.
const TX_GAS: u64 = 21_000;
/// Gas that a call with value gives to its callee for nothing.
const CALL_STIPEND: u64 = 2_300;
/// The most gas of one transaction from Osaka on (EIP-7825).
const MAX_TX_GAS: u64 = 1 << 24;
/// The estimate may be too high by this much, as a fraction in per mille.
const TOLERANCE_PER_MILLE: u64 = 15;

/// What one trial said of its gas limit.
enum Trial {
    Enough(Run),
    Failed(Run),
    /// Not even the intrinsic gas is covered.
    TooLow,
}

impl Trial {
    fn is_enough(&self) -> bool {
        matches!(self, Self::Enough(_))
    }
}

/// Runs trials of one transaction with different gas limits.
struct Estimator<'a, V> {
    scene: &'a mut Scene<V>,
    request: &'a CallRequest,
    tx: TxEnv,
    bounds: Bounds,
}

/// The estimate. Refuses with code 3 and the output where the transaction reverts at any limit.
pub fn estimate_gas<V: DatabaseRef<Error: Into<Error>>>(
    scene: &mut Scene<V>,
    request: &CallRequest,
    gas_cap: u64,
    bounds: Bounds,
) -> Result<u64, CallError> {
    request.check(scene.cfg.chain_id)?;
    let ceiling = ceiling(scene, request, gas_cap)?;
    request.waive_fees(&mut scene.block);
    let tx = request.to_tx(ceiling, scene.cfg.chain_id);
    let plain = is_plain_transfer(scene, &tx)?;
    let mut estimator = Estimator {
        scene,
        request,
        tx,
        bounds,
    };
    if plain && matches!(estimator.attempt(TX_GAS), Ok(trial) if trial.is_enough()) {
        return Ok(TX_GAS);
    }
    estimator.search(ceiling)
}

/// The highest limit worth trying: of the block, the request, the node and the sender's balance.
fn ceiling<V: DatabaseRef<Error: Into<Error>>>(
    scene: &mut Scene<V>,
    request: &CallRequest,
    gas_cap: u64,
) -> Result<u64, CallError> {
    let asked = request.gas.filter(|gas| *gas >= TX_GAS);
    let mut ceiling = asked.unwrap_or(scene.block.gas_limit);
    if scene.cfg.spec.is_enabled_in(SpecId::OSAKA) {
        ceiling = ceiling.min(MAX_TX_GAS);
    }
    let (fee_cap, _) = request.fees();
    if !fee_cap.is_zero() {
        let allowance = available(scene, request)? / fee_cap;
        ceiling = ceiling.min(allowance.saturating_to());
    }
    Ok(ceiling.min(gas_cap))
}

/// The sender's balance less value and blob fees.
fn available<V: DatabaseRef<Error: Into<Error>>>(
    scene: &mut Scene<V>,
    request: &CallRequest,
) -> Result<U256, CallError> {
    let account = revm::Database::basic(&mut scene.db, request.sender());
    let account = account.map_err(|error| CallError::Failed(error.into()))?;
    let balance = account.unwrap_or_default().balance;
    let value = request.value.unwrap_or_default();
    if value >= balance {
        return Err(Refusal::refused("insufficient funds for transfer").into());
    }
    let blobs = request.blob_hashes.as_ref().map_or(0, Vec::len) as u64;
    let blob_fee = U256::from(blobs.saturating_mul(GAS_PER_BLOB))
        .saturating_mul(request.max_blob_fee.unwrap_or_default());
    let rest = balance - value;
    if !blob_fee.is_zero() && blob_fee >= rest {
        return Err(Refusal::refused("insufficient funds for gas * price + value").into());
    }
    Ok(rest - blob_fee)
}

fn is_plain_transfer<V: DatabaseRef<Error: Into<Error>>>(
    scene: &mut Scene<V>,
    tx: &TxEnv,
) -> Result<bool, CallError> {
    let Some(to) = tx.kind.to().filter(|_| tx.data.is_empty()) else {
        return Ok(false);
    };
    let account = revm::Database::basic(&mut scene.db, *to);
    let account = account.map_err(|error| CallError::Failed(error.into()))?;
    Ok(account.is_none_or(|account| account.is_empty_code_hash()))
}

impl<V: DatabaseRef<Error: Into<Error>>> Estimator<'_, V> {
    fn attempt(&mut self, gas_limit: u64) -> Result<Trial, CallError> {
        let mut tx = self.tx.clone();
        tx.gas_limit = gas_limit;
        match self.scene.run(self.request, tx, self.bounds) {
            Ok(run) if run.result.is_success() => Ok(Trial::Enough(run)),
            Ok(run) => Ok(Trial::Failed(run)),
            Err(CallError::Rejected { invalid, .. }) if is_intrinsic(&invalid) => Ok(Trial::TooLow),
            Err(other) => {
                Err(other.reworded(|words| format!("failed with {gas_limit} gas: {words}")))
            }
        }
    }

    fn search(&mut self, ceiling: u64) -> Result<u64, CallError> {
        let first = match self.attempt(ceiling)? {
            Trial::Enough(run) => run,
            Trial::Failed(run) => return Err(hopeless(&run, ceiling).into()),
            Trial::TooLow => return Err(exceeds_allowance(ceiling).into()),
        };
        let gas = *first.result.gas();
        let mut low = gas.tx_gas_used().saturating_sub(1);
        let mut high = ceiling;
        // What it used before refunds, and what its inner calls withhold, most often is enough.
        let peak = gas.total_gas_spent().max(gas.tx_gas_used());
        let likely = peak.saturating_add(CALL_STIPEND).saturating_mul(64) / 63;
        if likely < high {
            if self.attempt(likely)?.is_enough() {
                high = likely;
            } else {
                low = likely;
            }
        }
        self.bisect(low, high)
    }

    fn bisect(&mut self, mut low: u64, mut high: u64) -> Result<u64, CallError> {
        while low + 1 < high {
            if (high - low) * 1000 < high * TOLERANCE_PER_MILLE {
                break;
            }
            // Most transactions need little more than they used: look there first.
            let middle = (low + (high - low) / 2)
                .min(low.saturating_mul(2))
                .max(low + 1);
            if self.attempt(middle)?.is_enough() {
                high = middle;
            } else {
                low = middle;
            }
        }
        Ok(high)
    }
}

fn is_intrinsic(invalid: &InvalidTransaction) -> bool {
    matches!(
        invalid,
        InvalidTransaction::CallGasCostMoreThanGasLimit { .. }
            | InvalidTransaction::GasFloorMoreThanGasLimit { .. }
    )
}

/// The refusal of a transaction that fails with the highest limit.
fn hopeless(run: &Run, ceiling: u64) -> Refusal {
    match &run.result {
        ExecutionResult::Revert { output, .. } => Refusal {
            code: REVERTED,
            message: words::revert(output),
            data: Some(output.to_string()),
        },
        ExecutionResult::Halt {
            reason: HaltReason::OutOfGas(_),
            ..
        } => exceeds_allowance(ceiling),
        ExecutionResult::Halt { reason, .. } => Refusal::refused(words::halt(reason, run.fault)),
        ExecutionResult::Success { .. } => exceeds_allowance(ceiling),
    }
}

fn exceeds_allowance(ceiling: u64) -> Refusal {
    Refusal::refused(format!("gas required exceeds allowance ({ceiling})"))
}
