//! eth_call: results, faults in geth's words, fees, overrides, bounds.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::calls::call::{Outcome, call};
use crate::calls::refusal::{CallError, MALFORMED, Refusal};
use crate::calls::watch::{Bounds, Deadline};

const GAS_CAP: u64 = 1_000_000;

fn run_on(code: &str, value: Value, bounds: Bounds) -> Result<Outcome, CallError> {
    let world = world(code);
    call(&mut scene(&world), &request(value), GAS_CAP, bounds)
}

fn run(code: &str) -> Outcome {
    run_on(code, json!({"to": CONTRACT}), Bounds::default()).unwrap()
}

fn refusal(value: Value) -> Refusal {
    match run_on("00", value, Bounds::default()) {
        Err(CallError::Refused(refusal)) => refusal,
        Err(CallError::Rejected { words, .. }) => Refusal::refused(words),
        other => panic!("{other:?}"),
    }
}

/// Returns the word that `code` leaves on the stack.
fn word(code: &str) -> String {
    format!("{code}5f5260205ff3")
}

fn overridden(code: &str, value: Value, state: Value, block_override: Value) -> Outcome {
    let world = world(code);
    let (state, block_override) = (state.to_string(), block_override.to_string());
    let mut scene = Scene::with_overrides(
        &world,
        &rules(),
        block(),
        Some(state.as_bytes()),
        Some(block_override.as_bytes()),
    )
    .unwrap();
    call(&mut scene, &request(value), GAS_CAP, Bounds::default()).unwrap()
}

#[test]
fn a_call_returns_output_and_gas() {
    let outcome = run(&word("602a"));
    assert!(outcome.success);
    assert_eq!(U256::from_be_slice(&outcome.output), U256::from(42));
    assert_eq!(outcome.error, None);
    assert!(outcome.gas_used > 21_000);
}

#[test]
fn a_revert_gives_its_reason() {
    let reason = "08c379a0".to_owned()
        + &"0".repeat(62)
        + "20"
        + &"0".repeat(62)
        + "02"
        + "6e6f"
        + &"0".repeat(60);
    let data = hex::decode(&reason).unwrap();
    // Copies the reason from behind the code: 10 bytes of it.
    let code = format!("6064600a5f3960645ffd{reason}");
    let outcome = run(&code);
    assert!(!outcome.success);
    assert_eq!(outcome.output.as_ref(), &data[..]);
    assert_eq!(outcome.error.as_deref(), Some("execution reverted: no"));
    assert_eq!(run("5f5ffd").error.as_deref(), Some("execution reverted"));
}

#[test]
fn a_panic_is_told_in_words() {
    let words = |code: &str| {
        let data = format!("4e487b71{code:0>64}");
        crate::calls::words::revert(&hex::decode(data).unwrap())
    };
    assert_eq!(
        words("11"),
        "execution reverted: arithmetic underflow or overflow"
    );
    assert_eq!(words("99"), "execution reverted: unknown panic code: 0x99");
}

#[test]
fn a_reason_that_lies_about_its_length_is_left_out() {
    let data = format!("08c379a0{:0>64}{}", "20", "f".repeat(64));
    let data = hex::decode(data).unwrap();
    assert_eq!(crate::calls::words::revert(&data), "execution reverted");
}

#[test]
fn faults_have_geths_words() {
    let cases = [
        ("fe", "invalid opcode: INVALID"),
        ("0c", "invalid opcode: opcode 0xc not defined"),
        ("600101", "stack underflow (1 <=> 2)"),
        ("600356", "invalid jump destination"),
        ("5b5f5fa05f56", "out of gas"),
    ];
    for (code, words) in cases {
        assert_eq!(run(code).error.as_deref(), Some(words), "{code}");
    }
}

#[test]
fn without_a_price_the_base_fee_is_zero_and_funds_are_not_asked() {
    let base_fee = |value: Value| {
        let outcome = run_on(&word("48"), value, Bounds::default()).unwrap();
        U256::from_be_slice(&outcome.output)
    };
    assert_eq!(base_fee(json!({"to": CONTRACT})), U256::ZERO);
    let paid = json!({"from": RICH, "to": CONTRACT, "gasPrice": "0x77359400"});
    assert_eq!(base_fee(paid), U256::from(1_000_000_000));
}

#[test]
fn a_price_is_checked_as_of_a_transaction() {
    let low = refusal(json!({"from": RICH, "to": CONTRACT, "gasPrice": "0x1"}));
    assert_eq!(
        low.message,
        "err: max fee per gas less than block base fee: address \
         0x00000000000000000000000000000000000000AA, maxFeePerGas: 1, baseFee: 1000000000 \
         (supplied gas 1000000)"
    );
    let poor = refusal(json!({"to": CONTRACT, "value": "0x5"}));
    assert_eq!(
        poor.message,
        "err: insufficient funds for gas * price + value: address \
         0x0000000000000000000000000000000000000000 have 0 want 5 (supplied gas 1000000)"
    );
    let inverted = refusal(json!({"from": RICH, "to": CONTRACT, "gas": "0x5208",
        "maxFeePerGas": "0x1", "maxPriorityFeePerGas": "0x2"}));
    assert!(
        inverted
            .message
            .contains("max priority fee per gas higher than max fee per gas")
    );
    let both = refusal(json!({"gasPrice": "0x1", "maxFeePerGas": "0x2"}));
    assert!(both.message.starts_with("both gasPrice and"));
    let chain = refusal(json!({"to": CONTRACT, "chainId": "0x1"}));
    assert_eq!(
        chain.message,
        "chainId does not match node's (have=1, want=1088)"
    );
}

#[test]
fn too_little_gas_is_refused_with_what_is_needed() {
    let refused = refusal(json!({"to": CONTRACT, "gas": "0x64"}));
    assert_eq!(
        refused.message,
        "err: intrinsic gas too low: have 100, want 21000 (supplied gas 100)"
    );
}

#[test]
fn a_malformed_member_is_named() {
    let cases = [
        (json!({"from": "0x12"}), "from"),
        (json!({"gas": "0x01"}), "gas"),
        (json!({"gas": 21000}), "gas"),
        (json!({"value": "10"}), "value"),
        (json!({"input": "0x123"}), "input"),
        (json!({"data": "0xzz"}), "data"),
        (json!({"accessList": [{"address": 5}]}), "address"),
        (json!({"accessList": {}}), "accessList"),
        (json!({"authorizationList": [{}]}), "chainId"),
        (
            json!({"blobVersionedHashes": ["0x1"]}),
            "blobVersionedHashes",
        ),
    ];
    for (value, name) in cases {
        let refused = CallRequest::parse(&value, "transaction").unwrap_err();
        assert_eq!(refused.code, MALFORMED);
        assert!(refused.message.contains(name), "{}", refused.message);
    }
    assert!(CallRequest::parse(&json!([]), "transaction").is_err());
    assert!(CallRequest::parse(&json!({"from": null, "unknown": 1}), "transaction").is_ok());
}

#[test]
fn input_is_preferred_to_data() {
    let parsed = request(json!({"data": "0x01", "input": "0x02"}));
    assert_eq!(parsed.input.unwrap().as_ref(), [2]);
}

#[test]
fn block_overrides_are_seen() {
    let block_override = json!({"number": "0x64", "time": "0x65", "gasLimit": "0x66",
        "feeRecipient": RICH, "prevRandao": format!("0x{:0>64}", "67"),
        "baseFeePerGas": "0x68", "blobBaseFee": "0x69"});
    let seen = |opcode: &str, value: Value| {
        let outcome = overridden(&word(opcode), value, json!({}), block_override.clone());
        U256::from_be_slice(&outcome.output)
    };
    let plain = json!({"to": CONTRACT});
    assert_eq!(seen("43", plain.clone()), U256::from(0x64));
    assert_eq!(seen("42", plain.clone()), U256::from(0x65));
    assert_eq!(seen("45", plain.clone()), U256::from(0x66));
    assert_eq!(seen("41", plain.clone()), U256::from(0xaa));
    assert_eq!(seen("44", plain), U256::from(0x67));
    let paid = json!({"from": RICH, "to": CONTRACT, "gasPrice": "0x70"});
    assert_eq!(seen("48", paid), U256::from(0x68));
}

#[test]
fn state_overrides_are_seen() {
    let other = "0x00000000000000000000000000000000000000bb";
    let state = |change: Value| json!({other: change});
    let to_other = json!({"to": other});
    let outcome = |change: Value| overridden("00", to_other.clone(), state(change), json!({}));
    let code = |code: &str| format!("0x{}", word(code));
    let as_word = |outcome: Outcome| U256::from_be_slice(&outcome.output);
    assert_eq!(
        as_word(outcome(json!({"code": code("47"), "balance": "0x7"}))),
        U256::from(7)
    );
    let slot = format!("0x{:0>64}", "1");
    let value = format!("0x{:0>64}", "99");
    for member in ["state", "stateDiff"] {
        let change = json!({"code": code("600154"), member: {&slot: value}});
        assert_eq!(as_word(outcome(change)), U256::from(0x99), "{member}");
    }
}

#[test]
fn overrides_that_contradict_are_refused() {
    let world = world("00");
    let refused = |state: Value| {
        let state = state.to_string();
        match Scene::with_overrides(&world, &rules(), block(), Some(state.as_bytes()), None) {
            Err(CallError::Refused(refusal)) => refusal.message,
            _ => panic!("{state} is taken"),
        }
    };
    let both = json!({CONTRACT.to_string(): {"state": {}, "stateDiff": {}}});
    assert!(refused(both).contains("both 'state' and 'stateDiff'"));
    let no_precompile = json!({CONTRACT.to_string(): {"movePrecompileToAddress": RICH}});
    assert!(refused(no_precompile).ends_with("is not a precompile"));
    assert!(refused(json!({"0x12": {}})).contains("0x12"));
    assert!(refused(json!([])).contains("stateOverrides"));
}

#[test]
fn a_moved_precompile_answers_at_its_new_address() {
    let identity = "0x0000000000000000000000000000000000000004";
    let to = |address: &str| json!({"to": address, "input": "0x010203"});
    let moved = json!({identity: {"movePrecompileToAddress": RICH}});
    let here = overridden("00", to(&RICH.to_string()), moved.clone(), json!({}));
    assert_eq!(here.output.as_ref(), [1, 2, 3]);
    let gone = overridden("00", to(identity), moved, json!({}));
    assert!(gone.success && gone.output.is_empty());
}

#[test]
fn steps_and_time_are_bounded() {
    let endless = "5b5f56";
    let value = || json!({"to": CONTRACT, "gas": "0xf4240"});
    let steps = Bounds {
        steps: Some(100),
        ..Bounds::default()
    };
    assert!(matches!(
        run_on(endless, value(), steps),
        Err(CallError::OutOfSteps)
    ));
    let enough = Bounds {
        steps: Some(100),
        ..Bounds::default()
    };
    assert!(run_on(&word("602a"), value(), enough).unwrap().success);
    let late = Deadline {
        timeout: Duration::from_millis(1500),
        ..Deadline::in_ms(0)
    };
    let bounds = Bounds {
        deadline: Some(late),
        ..Bounds::default()
    };
    match run_on(endless, value(), bounds) {
        Err(CallError::Refused(refusal)) => {
            assert_eq!(refusal.message, "execution aborted (timeout = 1.5s)");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn creation_returns_the_code() {
    let outcome = run_on(
        "00",
        json!({"input": "0x602a5f5260205ff3"}),
        Bounds::default(),
    )
    .unwrap();
    assert_eq!(U256::from_be_slice(&outcome.output), U256::from(42));
}
