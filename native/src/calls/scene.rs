//! `Scene`: the state, block and rules that one request executes on, with its overrides applied.

use alloy_consensus::Header;
use revm::DatabaseRef;
use revm::context::result::{EVMError, ExecutionResult, ResultAndState};
use revm::context::{BlockEnv, CfgEnv, Context, Evm, FrameStack, TxEnv};
use revm::database::CacheDB;
use revm::handler::instructions::EthInstructions;
use revm::handler::{EthFrame, ExecuteEvm, MainContext};
use revm::inspector::{InspectEvm, Inspector};
use revm::interpreter::interpreter::EthInterpreter;

use super::block_override::BlockOverride;
use super::fields;
use super::precompiles::{CallPrecompiles, Moved};
use super::refusal::{CallError, Refusal};
use super::request::{CallRequest, relax};
use super::state_override::{self, StateOverride};
use super::watch::{Bounds, Deadline, Stop, Watch};
use super::words::{self, Fault, Offer};
use crate::errors::Error;
use crate::evm::rules::Rules;

/// The context that requests execute in: reads go through the request's own cache.
pub type CallContext<'a, V> = Context<BlockEnv, TxEnv, CfgEnv, &'a mut CacheDB<V>>;

/// The EVM of a request, with inspector `I`.
pub type CallEvm<'a, V, I> = Evm<
    CallContext<'a, V>,
    I,
    EthInstructions<EthInterpreter, CallContext<'a, V>>,
    CallPrecompiles,
    EthFrame<EthInterpreter>,
>;

/// State, block and rules of one request. Nothing that happens here reaches the chain.
pub struct Scene<V> {
    pub db: CacheDB<V>,
    pub cfg: CfgEnv,
    pub block: BlockEnv,
    pub moved: Option<Moved>,
}

/// What one execution gave.
#[derive(Debug)]
pub struct Run {
    pub result: ExecutionResult,
    pub fault: Fault,
}

impl<V: DatabaseRef<Error: Into<Error>>> Scene<V> {
    /// The scene of a block whose rules are relaxed as those of eth_call are.
    pub fn new(view: V, rules: &Rules, block: BlockEnv) -> Self {
        let mut cfg = rules.cfg_env(block.timestamp.saturating_to());
        relax(&mut cfg);
        Self {
            db: CacheDB::new(view),
            cfg,
            block,
            moved: None,
        }
    }

    /// The same with overrides, given as the JSON arguments of eth_call.
    pub fn with_overrides(
        view: V,
        rules: &Rules,
        mut block: BlockEnv,
        state: Option<&[u8]>,
        block_overrides: Option<&[u8]>,
    ) -> Result<Self, CallError> {
        if let Some(json) = block_overrides {
            let value = fields::parse(json, "blockOverrides")?;
            BlockOverride::parse(&value, "blockOverrides")?.apply(&mut block)?;
        }
        let mut scene = Self::new(view, rules, block);
        if let Some(json) = state {
            let value = fields::parse(json, "stateOverrides")?;
            scene.override_state(&state_override::parse(&value, "stateOverrides")?)?;
        }
        Ok(scene)
    }

    /// The scene in which a block is executed again: all rules hold.
    pub fn of_block(view: V, rules: &Rules, header: &Header) -> Self {
        let mut scene = Self::new(view, rules, rules.block_env(header));
        scene.cfg = rules.cfg_env(header.timestamp);
        scene
    }

    /// Applies overrides of accounts and precompiles.
    pub fn override_state(&mut self, overrides: &StateOverride) -> Result<(), CallError> {
        let spec = self.cfg.spec;
        state_override::apply(overrides, &mut self.db, &mut self.moved, || {
            CallPrecompiles::table(spec)
        })
    }

    /// An EVM on this scene.
    pub fn evm<I>(&mut self, inspector: I) -> CallEvm<'_, V, I> {
        let spec = self.cfg.spec;
        let ctx = Context::mainnet()
            .with_db(&mut self.db)
            .with_cfg(self.cfg.clone())
            .with_block(self.block.clone());
        Evm {
            ctx,
            inspector,
            instruction: EthInstructions::new_mainnet_with_spec(spec),
            precompiles: CallPrecompiles::new(spec, self.moved.clone()),
            // Frames are made as calls need them: each has a stack of 32 KiB.
            frame_stack: FrameStack::new(),
        }
    }

    /// Executes `tx` and forgets its changes. `request` gives the words of refusals.
    pub fn run(
        &mut self,
        request: &CallRequest,
        tx: TxEnv,
        bounds: Bounds,
    ) -> Result<Run, CallError> {
        if bounds.any() {
            return self.run_watched(request, tx, bounds);
        }
        let outcome = self.evm(()).transact_one(tx.clone());
        let offer = || request.offer(tx.gas_limit, &self.block);
        let result = outcome.map_err(|error| rejected(&offer(), error))?;
        match &result {
            ExecutionResult::Halt { reason, .. } if words::names_instruction(reason) => {
                self.run_watched(request, tx, bounds)
            }
            _ => Ok(Run {
                result,
                fault: Fault::default(),
            }),
        }
    }

    fn run_watched(
        &mut self,
        request: &CallRequest,
        tx: TxEnv,
        bounds: Bounds,
    ) -> Result<Run, CallError> {
        let offer = request.offer(tx.gas_limit, &self.block);
        let mut evm = self.evm(Watch::new(bounds));
        let outcome = evm.inspect_one_tx(tx);
        let watch = evm.inspector;
        let result = outcome.map_err(|error| rejected(&offer, error))?;
        stopped(watch.stop(), bounds)?;
        Ok(Run {
            result,
            fault: watch.fault(),
        })
    }

    /// Executes `tx` under `inspector`, which the caller gets back with the changes of state.
    pub fn inspect<'a, I>(
        &'a mut self,
        request: &CallRequest,
        tx: TxEnv,
        bounds: Bounds,
        inspector: I,
    ) -> Result<(ResultAndState, I, Fault), CallError>
    where
        I: Inspector<CallContext<'a, V>, EthInterpreter>,
    {
        let offer = request.offer(tx.gas_limit, &self.block);
        let mut evm = self.evm((Watch::new(bounds), inspector));
        let outcome = evm.inspect_tx(tx);
        let (watch, inspector) = evm.inspector;
        let outcome = outcome.map_err(|error| rejected(&offer, error))?;
        stopped(watch.stop(), bounds)?;
        Ok((outcome, inspector, watch.fault()))
    }
}

fn rejected<E: Into<Error>>(offer: &Offer, error: EVMError<E>) -> CallError {
    CallError::from_evm(error, |invalid| words::invalid_transaction(invalid, offer))
}

/// Between two executions: whether there is time for another.
pub fn in_time(deadline: Option<Deadline>) -> Result<(), CallError> {
    let stop = deadline.filter(Deadline::passed).map(|_| Stop::Deadline);
    stopped(
        stop,
        Bounds {
            deadline,
            ..Bounds::default()
        },
    )
}

/// Turns a bound that was reached into an error.
pub fn stopped(stop: Option<Stop>, bounds: Bounds) -> Result<(), CallError> {
    let timeout = bounds
        .deadline
        .map(|deadline| deadline.timeout)
        .unwrap_or_default();
    match stop {
        None => Ok(()),
        Some(Stop::Steps) => Err(CallError::OutOfSteps),
        Some(Stop::Deadline) => Err(Refusal::refused(format!(
            "execution aborted (timeout = {})",
            words::duration(timeout)
        ))
        .into()),
        Some(Stop::Bytes) => Err(Refusal::refused(format!(
            "trace too large: more than {} bytes",
            bounds.bytes.map_or(0, |bytes| bytes.whole)
        ))
        .into()),
    }
}
