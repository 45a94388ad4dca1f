//! eth_createAccessList: the accounts and slots that a transaction touches beyond its own.

use std::collections::{BTreeMap, BTreeSet};

use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Address, B256};
use revm::DatabaseRef;
use revm::context::result::ExecutionResult;
use revm_inspectors::access_list::AccessListInspector;
use serde::Serialize;

use super::precompiles::CallPrecompiles;
use super::refusal::{CallError, Refusal};
use super::request::CallRequest;
use super::scene::Scene;
use super::watch::Bounds;
use super::words::{self, Fault};
use crate::errors::Error;

/// Gas of one authorization: a request with more than its gas pays for is refused unexecuted.
const AUTHORIZATION_GAS: u64 = 25_000;

/// Executions before a list that still changes is given up. Each adds what the last one touched.
const MAX_ROUNDS: usize = 64;

type Touched = BTreeMap<Address, BTreeSet<B256>>;

/// The list, and what the transaction uses with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    pub access_list: AccessList,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(with = "quantity")]
    pub gas_used: u64,
}

mod quantity {
    use serde::Serializer;

    pub fn serialize<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{value:#x}"))
    }
}

/// Executes with the list found so far until the list does not change any more.
pub fn create_access_list<V: DatabaseRef<Error: Into<Error>>>(
    scene: &mut Scene<V>,
    request: &CallRequest,
    gas_cap: u64,
    bounds: Bounds,
) -> Result<Listed, CallError> {
    request.check(scene.cfg.chain_id)?;
    request.waive_fees(&mut scene.block);
    let gas_limit = request.gas.unwrap_or(gas_cap).min(gas_cap);
    check_authorizations(request, gas_limit)?;
    let excluded = excluded(scene, request)?;
    let mut request = request.clone();
    let mut list = touched(request.access_list.take().unwrap_or_default(), &excluded);
    for _ in 0..MAX_ROUNDS {
        super::scene::in_time(bounds.deadline)?;
        request.access_list = Some(access_list(&list));
        let tx = request.to_tx(gas_limit, scene.cfg.chain_id);
        let inspector = AccessListInspector::new(access_list(&list));
        let (outcome, inspector, fault) =
            scene
                .inspect(&request, tx, bounds, inspector)
                .map_err(|error| {
                    error.reworded(|words| format!("failed to apply transaction: err: {words}"))
                })?;
        let next = touched(inspector.into_access_list(), &excluded);
        if next == list {
            return Ok(Listed {
                access_list: access_list(&list),
                error: error_words(&outcome.result, fault),
                gas_used: outcome.result.tx_gas_used(),
            });
        }
        list = next;
    }
    Err(Refusal::refused(format!(
        "access list still changes after {MAX_ROUNDS} executions"
    ))
    .into())
}

fn check_authorizations(request: &CallRequest, gas_limit: u64) -> Result<(), Refusal> {
    let count = request.authorizations.as_ref().map_or(0, Vec::len) as u64;
    if count > gas_limit / AUTHORIZATION_GAS {
        return Err(Refusal::refused(
            "insufficient gas to process all authorizations",
        ));
    }
    Ok(())
}

/// Accounts that are warm anyway: sender, receiver, precompiles, EIP-7702 authorities.
fn excluded<V: DatabaseRef<Error: Into<Error>>>(
    scene: &mut Scene<V>,
    request: &CallRequest,
) -> Result<BTreeSet<Address>, CallError> {
    let sender = request.sender();
    let to = match request.to {
        Some(to) => to,
        None => {
            let account = revm::Database::basic(&mut scene.db, sender);
            let account = account.map_err(|error| CallError::Failed(error.into()))?;
            sender.create(account.unwrap_or_default().nonce)
        }
    };
    let precompiles = CallPrecompiles::table(scene.cfg.spec).into_keys();
    let authorizations = request.authorizations.iter().flatten();
    let authorities = authorizations.filter_map(|signed| {
        let signature = signed.signature().ok()?;
        let hash = signed.signature_hash();
        alloy_consensus::crypto::secp256k1::recover_signer(&signature, hash).ok()
    });
    Ok([sender, to]
        .into_iter()
        .chain(precompiles)
        .chain(authorities)
        .collect())
}

/// Accounts that are warm anyway stand in the list only for their slots.
fn touched(list: AccessList, excluded: &BTreeSet<Address>) -> Touched {
    let mut touched = Touched::new();
    for item in list.0 {
        if !excluded.contains(&item.address) || !item.storage_keys.is_empty() {
            touched
                .entry(item.address)
                .or_default()
                .extend(item.storage_keys);
        }
    }
    touched
}

fn access_list(touched: &Touched) -> AccessList {
    let item = |(address, slots): (&Address, &BTreeSet<B256>)| AccessListItem {
        address: *address,
        storage_keys: slots.iter().copied().collect(),
    };
    AccessList(touched.iter().map(item).collect())
}

fn error_words(result: &ExecutionResult, fault: Fault) -> Option<String> {
    match result {
        ExecutionResult::Success { .. } => None,
        ExecutionResult::Revert { .. } => Some("execution reverted".into()),
        ExecutionResult::Halt { reason, .. } => Some(words::halt(reason, fault)),
    }
}
