//! eth_createAccessList: what stands in the list, and what does not.

use serde_json::{Value, json};

use super::*;
use crate::calls::access_list::{Listed, create_access_list};
use crate::calls::refusal::CallError;
use crate::calls::watch::Bounds;

fn listed(code: &str, value: Value) -> Result<Listed, CallError> {
    let world = world(code);
    create_access_list(
        &mut scene(&world),
        &request(value),
        1_000_000,
        Bounds::default(),
    )
}

#[test]
fn slots_of_the_receiver_are_listed_and_others_accounts() {
    // Loads slot 2, stores slot 1, asks the balance of 0xbb and of the sender.
    let listed = listed(
        "600254506001600155 60bb3150 3331".replace(' ', "").as_str(),
        json!({"to": CONTRACT}),
    );
    let text = serde_json::to_value(listed.unwrap()).unwrap();
    let slot = |slot: u64| format!("0x{slot:064x}");
    assert_eq!(
        text["accessList"],
        json!([
            {"address": "0x00000000000000000000000000000000000000bb", "storageKeys": []},
            {"address": "0x00000000000000000000000000000000000c0de0", "storageKeys": [slot(1), slot(2)]},
        ])
    );
    assert!(text["gasUsed"].as_str().unwrap().starts_with("0x"));
    assert!(text.get("error").is_none());
}

#[test]
fn a_transfer_touches_nothing_else() {
    let value =
        json!({"from": RICH, "to": "0x0100000000000000000000000000000000000000", "value": "0xa"});
    let listed = listed("00", value).unwrap();
    assert!(listed.access_list.0.is_empty());
    assert_eq!(listed.gas_used, 21_000);
}

#[test]
fn a_revert_is_said_beside_the_list() {
    let listed = listed("5f54505f5ffd", json!({"to": CONTRACT})).unwrap();
    assert_eq!(listed.error.as_deref(), Some("execution reverted"));
    assert_eq!(listed.access_list.0.len(), 1);
}

#[test]
fn a_rejected_transaction_is_refused() {
    match listed("00", json!({"to": CONTRACT, "value": "0x1"})) {
        Err(CallError::Rejected { words, .. }) => {
            assert!(words.starts_with("failed to apply transaction: err: insufficient funds"));
        }
        other => panic!("{other:?}"),
    }
}
