//! `Replay`: a sealed block executed again on its parent's state, transaction by transaction.

use alloy_consensus::{Header, Transaction as _};
use alloy_eips::eip2935::HISTORY_STORAGE_ADDRESS;
use alloy_eips::eip4788::BEACON_ROOTS_ADDRESS;
use alloy_primitives::{Address, B256, Bytes, keccak256};
use revm::context::result::{EVMError, ResultAndState};
use revm::handler::{ExecuteEvm, SYSTEM_ADDRESS, SystemCallEvm};
use revm::inspector::InspectEvm;
use revm::primitives::hardfork::SpecId;
use revm::{DatabaseCommit, DatabaseRef};

use super::tracer::Tracer;
use crate::calls::refusal::{CallError, Refusal};
use crate::calls::scene::{Scene, stopped};
use crate::calls::watch::{Bounds, Watch};
use crate::errors::Error;
use crate::evm::handler::{inspect_system, run_system};
use crate::evm::rules::Rules;
use crate::system::{SYSTEM_TYPE, SystemTransaction};
use crate::transaction::{self, Transaction};

/// A transaction of the block, decoded.
pub enum Replayed {
    System(SystemTransaction),
    Signed(Box<Transaction>),
}

impl Replayed {
    pub fn decode(raw: &[u8], rules: &Rules) -> Result<Self, Refusal> {
        let refused = |why: String| Refusal::refused(format!("stored transaction: {why}"));
        if raw.first() == Some(&SYSTEM_TYPE) {
            let decoded = SystemTransaction::decode(raw);
            return decoded
                .map(Self::System)
                .map_err(|error| refused(error.to_string()));
        }
        transaction::decode(raw, rules.chain_id, true)
            .map(|transaction| Self::Signed(Box::new(transaction)))
            .map_err(|refusal| refused(refusal.message))
    }

    pub fn gas_limit(&self) -> u64 {
        match self {
            Self::System(transaction) => transaction.gas_limit,
            Self::Signed(transaction) => transaction.envelope.gas_limit(),
        }
    }
}

/// The hash by which a transaction is known.
pub fn hash(raw: &[u8]) -> B256 {
    keccak256(raw)
}

/// The block in the middle of its execution.
pub struct Replay<V> {
    scene: Scene<V>,
}

impl<V: DatabaseRef<Error: Into<Error>>> Replay<V> {
    /// `parent` is the state after the block before; the block's system calls are made at once.
    pub fn begin(parent: V, rules: &Rules, header: &Header) -> Result<Self, CallError> {
        let mut replay = Self {
            scene: Scene::of_block(parent, rules, header),
        };
        let spec = replay.scene.cfg.spec;
        if let Some(root) = header.parent_beacon_block_root
            && spec.is_enabled_in(SpecId::CANCUN)
        {
            replay.system_call(BEACON_ROOTS_ADDRESS, root)?;
        }
        if spec.is_enabled_in(SpecId::PRAGUE) {
            replay.system_call(HISTORY_STORAGE_ADDRESS, header.parent_hash)?;
        }
        Ok(replay)
    }

    fn system_call(&mut self, contract: Address, word: B256) -> Result<(), CallError> {
        let mut evm = self.scene.evm(());
        let data = Bytes::copy_from_slice(word.as_slice());
        let outcome = evm.system_call_with_caller(SYSTEM_ADDRESS, contract, data);
        let outcome = outcome.map_err(broken)?;
        self.scene.db.commit(outcome.state);
        Ok(())
    }

    /// Executes `transaction` for its changes only.
    pub fn pass(&mut self, transaction: &Replayed) -> Result<(), CallError> {
        let mut evm = self.scene.evm(());
        match transaction {
            Replayed::System(system) => run_system(&mut evm, system).map(drop),
            Replayed::Signed(signed) => evm.transact_one(signed.env()).map(drop),
        }
        .map_err(broken)?;
        let changes = evm.finalize();
        self.scene.db.commit(changes);
        Ok(())
    }

    /// Executes `transaction` under `tracer`, and gives `finish` the state before it.
    pub fn trace<T>(
        &mut self,
        transaction: &Replayed,
        tracer: Tracer,
        bounds: Bounds,
        finish: impl FnOnce(Tracer, &ResultAndState, &Scene<V>) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let mut evm = self.scene.evm((Watch::new(bounds), tracer));
        let result = match transaction {
            Replayed::System(system) => inspect_system(&mut evm, system),
            Replayed::Signed(signed) => evm.inspect_one_tx(signed.env()),
        };
        let result = result.map_err(broken)?;
        let outcome = ResultAndState::new(result, evm.finalize());
        let (watch, tracer) = evm.inspector;
        stopped(watch.stop(), bounds)?;
        let traced = finish(tracer, &outcome, &self.scene)?;
        self.scene.db.commit(outcome.state);
        Ok(traced)
    }
}

/// A transaction of a sealed block has been executed before: what fails now is not its fault.
fn broken<E: Into<Error> + std::fmt::Display>(error: EVMError<E>) -> CallError {
    match error {
        EVMError::Database(error) => CallError::Failed(error.into()),
        other => Refusal::refused(format!("tracing failed: {other}")).into(),
    }
}
