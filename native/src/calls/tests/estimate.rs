//! eth_estimateGas: enough gas, little more than needed, and geth's refusals.

use serde_json::{Value, json};

use super::*;
use crate::calls::call::call;
use crate::calls::estimate::estimate_gas;
use crate::calls::refusal::{CallError, REVERTED, Refusal};
use crate::calls::watch::Bounds;

const GAS_CAP: u64 = 50_000_000;

fn estimate(code: &str, value: Value) -> Result<u64, CallError> {
    let world = world(code);
    estimate_gas(
        &mut scene(&world),
        &request(value),
        GAS_CAP,
        Bounds::default(),
    )
}

fn refusal(code: &str, value: Value) -> Refusal {
    match estimate(code, value) {
        Err(CallError::Refused(refusal)) => refusal,
        Err(CallError::Rejected { words, .. }) => Refusal::refused(words),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_transfer_needs_21000() {
    let value =
        json!({"from": RICH, "to": "0x00000000000000000000000000000000000000bb", "value": "0x1"});
    assert_eq!(estimate("00", value).unwrap(), 21_000);
}

#[test]
fn the_estimate_is_enough_and_not_far_above() {
    // Stores to two slots and clears one of them, so that there is a refund.
    let code = "600160015560026002556000600155";
    let gas = estimate(code, json!({"to": CONTRACT})).unwrap();
    let world = world(code);
    let run = |gas: u64| {
        let value = json!({"to": CONTRACT, "gas": format!("{gas:#x}")});
        call(
            &mut scene(&world),
            &request(value),
            GAS_CAP,
            Bounds::default(),
        )
        .unwrap()
    };
    assert!(run(gas).success);
    assert!(!run(gas - gas * 2 / 100).success);
}

#[test]
fn calldata_counts() {
    let short = estimate("00", json!({"to": CONTRACT, "input": "0x01"})).unwrap();
    let long = estimate(
        "00",
        json!({"to": CONTRACT, "input": format!("0x{}", "01".repeat(100))}),
    );
    assert!(short < long.unwrap());
}

#[test]
fn a_revert_has_code_3_and_data() {
    let refused = refusal("602a5f5260205ffd", json!({"to": CONTRACT}));
    assert_eq!(refused.code, REVERTED);
    assert_eq!(refused.message, "execution reverted");
    assert_eq!(refused.data.unwrap(), format!("0x{:0>64}", "2a"));
}

#[test]
fn what_no_limit_suffices_for_is_refused() {
    let endless = refusal("5b5f56", json!({"to": CONTRACT, "gas": "0x186a0"}));
    assert_eq!(endless.message, "gas required exceeds allowance (100000)");
    let invalid = refusal("fe", json!({"to": CONTRACT}));
    assert_eq!(invalid.message, "invalid opcode: INVALID");
}

#[test]
fn the_senders_balance_bounds_the_gas() {
    let price = json!({"from": RICH, "to": CONTRACT, "gasPrice": "0x38d7ea4c68000"});
    assert_eq!(
        refusal("5b5f56", price).message,
        "gas required exceeds allowance (1000)"
    );
    let poor = json!({"to": CONTRACT, "gasPrice": "0x77359400", "value": "0x1"});
    assert_eq!(
        refusal("00", poor).message,
        "insufficient funds for transfer"
    );
    let value = json!({"from": CONTRACT, "to": RICH, "value": "0x1"});
    let refused = refusal("00", value).message;
    assert!(
        refused.starts_with("failed with 30000000 gas: insufficient funds"),
        "{refused}"
    );
}
