//! Execution of the system transaction: revm's mainnet handler without signature, nonce check and fee.
//!
//! Rules of OP's deposits: the mint is credited and the sender's nonce rises even if execution fails.

use std::marker::PhantomData;

use revm::context::TxEnv;
use revm::context::result::{
    EVMError, ExecutionResult, HaltReason, InvalidTransaction, OutOfGasError, ResultGas,
};
use revm::context_interface::journaled_state::account::JournaledAccountTr;
use revm::context_interface::{
    ContextSetters, ContextTr, Database, JournalTr, LocalContextTr, Transaction,
};
use revm::handler::{EthFrame, EvmTr, FrameResult, FrameTr, Handler};
use revm::inspector::{InspectorEvmTr, InspectorHandler};
use revm::interpreter::interpreter::EthInterpreter;
use revm::interpreter::{InitialAndFloorGas, interpreter_action::FrameInit};
use revm::primitives::U256;
use revm::state::EvmState;

use crate::system::SystemTransaction;

/// Error of an EVM over database `DB`.
pub type ExecutionError<DB> = EVMError<<DB as Database>::Error, InvalidTransaction>;

struct SystemHandler<EVM> {
    mint: U256,
    evm: PhantomData<EVM>,
}

impl<EVM> SystemHandler<EVM> {
    fn new(transaction: &SystemTransaction) -> Self {
        Self {
            mint: U256::from(transaction.mint),
            evm: PhantomData,
        }
    }
}

impl<EVM> Handler for SystemHandler<EVM>
where
    EVM: EvmTr<Context: ContextTr<Journal: JournalTr<State = EvmState>>>,
    EVM::Frame: FrameTr<FrameResult = FrameResult, FrameInit = FrameInit>,
{
    type Evm = EVM;
    type Error = ExecutionError<<EVM::Context as ContextTr>::Db>;
    type HaltReason = HaltReason;

    fn validate_env(&self, _evm: &mut EVM) -> Result<(), Self::Error> {
        Ok(())
    }

    fn validate_against_state_and_deduct_caller(
        &self,
        evm: &mut EVM,
        _gas: &mut InitialAndFloorGas,
    ) -> Result<(), Self::Error> {
        credit(evm.ctx_mut(), self.mint)
    }

    fn reimburse_caller(
        &self,
        _evm: &mut EVM,
        _result: &mut FrameResult,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    fn reward_beneficiary(
        &self,
        _evm: &mut EVM,
        _result: &mut FrameResult,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Too little gas even to start is a failed transaction, not an invalid one: it uses all its gas.
    fn catch_error(
        &self,
        evm: &mut EVM,
        error: Self::Error,
    ) -> Result<ExecutionResult<HaltReason>, Self::Error> {
        evm.ctx_mut().local_mut().clear();
        evm.ctx_mut().journal_mut().discard_tx();
        evm.frame_stack().clear();
        let EVMError::Transaction(_) = error else {
            return Err(error);
        };
        let gas_limit = evm.ctx_ref().tx().gas_limit();
        credit::<_, Self::Error>(evm.ctx_mut(), self.mint)?;
        evm.ctx_mut().journal_mut().commit_tx();
        Ok(ExecutionResult::Halt {
            reason: HaltReason::OutOfGas(OutOfGasError::Basic),
            gas: ResultGas::default().with_total_gas_spent(gas_limit),
            logs: Vec::new(),
        })
    }
}

impl<EVM> InspectorHandler for SystemHandler<EVM>
where
    EVM: InspectorEvmTr<
            Context: ContextTr<Journal: JournalTr<State = EvmState>>,
            Frame = EthFrame<EthInterpreter>,
        >,
    EVM::Inspector: revm::Inspector<EVM::Context, EthInterpreter>,
{
    type IT = EthInterpreter;
}

fn credit<CTX: ContextTr, E: From<<CTX::Db as Database>::Error>>(
    context: &mut CTX,
    mint: U256,
) -> Result<(), E> {
    let (_, tx, _, journal, _, _) = context.all_mut();
    let mut caller = journal.load_account_with_code_mut(tx.caller())?.data;
    let balance = caller.balance().saturating_add(mint);
    caller.set_balance(balance);
    caller.bump_nonce();
    Ok(())
}

/// Runs one system transaction; its effects stay in the journal.
pub fn run_system<EVM>(
    evm: &mut EVM,
    transaction: &SystemTransaction,
) -> Result<ExecutionResult<HaltReason>, ExecutionError<<EVM::Context as ContextTr>::Db>>
where
    EVM: EvmTr<
        Context: ContextTr<Journal: JournalTr<State = EvmState>> + ContextSetters<Tx = TxEnv>,
    >,
    EVM::Frame: FrameTr<FrameResult = FrameResult, FrameInit = FrameInit>,
{
    evm.ctx_mut().set_tx(transaction.env());
    SystemHandler::new(transaction).run(evm)
}

/// The same under the EVM's inspector (tracing).
pub fn inspect_system<EVM>(
    evm: &mut EVM,
    transaction: &SystemTransaction,
) -> Result<ExecutionResult<HaltReason>, ExecutionError<<EVM::Context as ContextTr>::Db>>
where
    EVM: InspectorEvmTr<
            Context: ContextTr<Journal: JournalTr<State = EvmState>> + ContextSetters<Tx = TxEnv>,
            Frame = EthFrame<EthInterpreter>,
        >,
    EVM::Inspector: revm::Inspector<EVM::Context, EthInterpreter>,
{
    evm.ctx_mut().set_tx(transaction.env());
    SystemHandler::new(transaction).inspect_run(evm)
}
