//! `CallPrecompiles`: the precompiles of a fork, which a request may move to other addresses.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use revm::context::{Cfg, ContextTr, JournalTr, LocalContextTr};
use revm::handler::{EthPrecompiles, PrecompileProvider, precompile_output_to_interpreter_result};
use revm::interpreter::{CallInputs, InterpreterResult};
use revm::precompile::Precompile;
use revm::primitives::{AddressSet, hardfork::SpecId};

/// Where precompiles stand in one request, if not where the fork puts them.
pub type Moved = BTreeMap<Address, Precompile>;

/// A fork's precompiles. `moved` replaces the whole table; gas for access stays the fork's.
#[derive(Debug, Clone)]
pub struct CallPrecompiles {
    standard: EthPrecompiles,
    moved: Option<Moved>,
}

impl CallPrecompiles {
    pub fn new(spec: SpecId, moved: Option<Moved>) -> Self {
        Self {
            standard: EthPrecompiles::new(spec),
            moved,
        }
    }

    /// The fork's own table, as a start for moves.
    pub fn table(spec: SpecId) -> Moved {
        let standard = EthPrecompiles::new(spec).precompiles;
        standard
            .inner()
            .iter()
            .map(|(address, precompile)| (*address, precompile.clone()))
            .collect()
    }
}

impl<CTX> PrecompileProvider<CTX> for CallPrecompiles
where
    CTX: ContextTr<Cfg: Cfg<Spec = SpecId>>,
{
    type Output = InterpreterResult;

    fn set_spec(&mut self, spec: SpecId) -> bool {
        PrecompileProvider::<CTX>::set_spec(&mut self.standard, spec)
    }

    fn run(
        &mut self,
        context: &mut CTX,
        inputs: &CallInputs,
    ) -> Result<Option<InterpreterResult>, String> {
        let Some(moved) = &self.moved else {
            return self.standard.run(context, inputs);
        };
        match moved.get(&inputs.bytecode_address) {
            Some(precompile) => run_moved(precompile, context, inputs).map(Some),
            None => Ok(None),
        }
    }

    fn warm_addresses(&self) -> &AddressSet {
        self.standard.warm_addresses()
    }
}

fn run_moved<CTX: ContextTr>(
    precompile: &Precompile,
    context: &mut CTX,
    inputs: &CallInputs,
) -> Result<InterpreterResult, String> {
    let input = inputs.input.bytes(context);
    let output = precompile
        .execute(&input, inputs.gas_limit, inputs.reservoir)
        .map_err(|error| error.to_string())?;
    if let Some(reason) = output.halt_reason().filter(|reason| !reason.is_oog())
        && context.journal().depth() == 1
    {
        let words = reason.to_string();
        context.local_mut().set_precompile_error_context(words);
    }
    Ok(precompile_output_to_interpreter_result(
        output,
        inputs.gas_limit,
    ))
}
