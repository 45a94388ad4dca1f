//! debug_trace*: the tracers' JSON, their options and their bounds.

use std::time::{Duration, Instant};

use alloy_consensus::Header;
use alloy_primitives::B256;
use serde_json::{Value, json};

use super::*;
use crate::calls::refusal::{CallError, Refusal};
use crate::calls::trace::{TraceBounds, TraceConfig, trace_block, trace_call};
use crate::calls::watch::Deadline;
use crate::system::SystemTransaction;

const MAX_BYTES: usize = 1 << 20;

fn traced(code: &str, value: Value, config: Value, max_bytes: usize) -> Result<Value, CallError> {
    let world = world(code);
    let config = TraceConfig::parse(config.to_string().as_bytes()).unwrap();
    let bounds = TraceBounds::new(None, &config, max_bytes);
    let text = trace_call(
        &mut scene(&world),
        &request(value),
        1_000_000,
        &config,
        bounds,
    )?;
    Ok(serde_json::from_str(&text).unwrap())
}

fn trace(code: &str, config: Value) -> Value {
    traced(
        code,
        json!({"from": RICH, "to": CONTRACT}),
        config,
        MAX_BYTES,
    )
    .unwrap()
}

fn refusal(result: Result<Value, CallError>) -> String {
    match result {
        Err(CallError::Refused(Refusal { message, .. })) => message,
        Err(CallError::Rejected { words, .. }) => words,
        other => panic!("{other:?}"),
    }
}

/// Calls 0xbb with 1 wei, then reverts with nothing.
const CALLS_AND_REVERTS: &str = "5f5f5f5f600160bb5af15f5ffd";

#[test]
fn struct_logs_tell_each_instruction() {
    let trace = trace("602a5f525f5460015560205ffd", json!({"enableMemory": true}));
    assert_eq!(trace["failed"], true);
    let logs = trace["structLogs"].as_array().unwrap();
    let push =
        json!({"pc": 0, "op": "PUSH1", "gas": 979_000, "gasCost": 3, "depth": 1, "stack": []});
    assert_eq!(logs[0], push);
    assert_eq!(logs[2]["stack"], json!(["0x2a", "0x0"]));
    assert_eq!(logs[2]["gasCost"], 6);
    assert_eq!(logs[3]["memory"], json!([format!("0x{:064x}", 0x2a)]));
    let zero = format!("0x{:064x}", 0);
    assert_eq!(logs[4]["op"], "SLOAD");
    assert_eq!(logs[4]["storage"], json!({ zero.clone(): zero }));
    assert_eq!(logs[6]["op"], "SSTORE");
    assert_eq!(logs[6]["storage"].as_object().unwrap().len(), 2);
    assert!(logs[0].get("returnData").is_none());
}

#[test]
fn struct_logs_leave_out_what_was_not_asked_for() {
    let config = json!({"disableStack": true, "disableStorage": true, "limit": 200});
    let trace = trace("5f545f545f545f545f5450", config);
    let logs = trace["structLogs"].as_array().unwrap();
    assert!(logs.len() < 11 && !logs.is_empty());
    assert!(
        logs.iter()
            .all(|log| log.get("stack").is_none() && log.get("storage").is_none())
    );
}

#[test]
fn struct_logs_name_what_ran_out() {
    let value = json!({"to": CONTRACT, "gas": "0x520a"});
    let trace = traced("5f5f5f", value, json!({}), MAX_BYTES).unwrap();
    assert_eq!(trace["structLogs"][1]["error"], "out of gas");
    let trace = self::trace("01", json!({}));
    assert_eq!(trace["structLogs"][0]["error"], "stack underflow (0 <=> 2)");
}

#[test]
fn the_call_tracer_gives_the_tree() {
    let world_code = "5f5f5f5f5f60bb5af1600160025f5fa25f5ff3";
    let trace = trace(
        world_code,
        json!({"tracer": "callTracer", "tracerConfig": {"withLog": true}}),
    );
    assert_eq!(trace["type"], "CALL");
    assert_eq!(trace["gas"], "0xf4240");
    assert_eq!(trace["input"], "0x");
    assert_eq!(
        trace["calls"][0]["to"],
        "0x00000000000000000000000000000000000000bb"
    );
    assert_eq!(trace["logs"][0]["position"], "0x1");
    assert_eq!(trace["logs"][0]["topics"].as_array().unwrap().len(), 2);
    assert!(trace.get("error").is_none());
}

#[test]
fn the_call_tracer_tells_failures() {
    let trace = trace(CALLS_AND_REVERTS, json!({"tracer": "callTracer"}));
    assert_eq!(trace["error"], "execution reverted");
    assert_eq!(
        trace["calls"][0]["error"],
        "insufficient balance for transfer"
    );
    let top = json!({"tracer": "callTracer", "tracerConfig": {"onlyTopCall": true}});
    assert!(self::trace(CALLS_AND_REVERTS, top).get("calls").is_none());
}

#[test]
fn the_prestate_tracer_gives_what_was_and_what_changed() {
    let code = "602a600155";
    let before = trace(code, json!({"tracer": "prestateTracer"}));
    let contract = &before["0x00000000000000000000000000000000000c0de0"];
    assert_eq!(contract["code"], format!("0x{code}"));
    assert_eq!(
        contract["storage"][format!("0x{:064x}", 1)],
        format!("0x{:064x}", 0)
    );
    let config = json!({"tracer": "prestateTracer", "tracerConfig": {"diffMode": true}});
    let diff = trace(code, config);
    let changed = &diff["post"]["0x00000000000000000000000000000000000c0de0"]["storage"];
    assert_eq!(changed[format!("0x{:064x}", 1)], format!("0x{:064x}", 0x2a));
}

#[test]
fn the_other_tracers_answer_too() {
    let value = json!({"to": CONTRACT, "input": "0x0102030405"});
    let names =
        json!({"4byteTracer": null, "noopTracer": {}, "callTracer": {}, "flatCallTracer": {}});
    let config = json!({"tracer": "muxTracer", "tracerConfig": names});
    let traces = traced("00", value, config, MAX_BYTES).unwrap();
    assert_eq!(traces["4byteTracer"], json!({"0x01020304-1": 1}));
    assert_eq!(traces["noopTracer"], json!({}));
    assert_eq!(traces["callTracer"]["input"], "0x0102030405");
    assert_eq!(traces["flatCallTracer"][0]["action"]["callType"], "call");
}

#[test]
fn a_trace_that_grows_too_large_is_refused() {
    let endless = "5b5f56";
    let value = || json!({"to": CONTRACT});
    let logs = traced(endless, value(), json!({}), 1000);
    assert_eq!(refusal(logs), "trace too large: more than 1000 bytes");
    // Calls 0xbb for ever with 4 KiB of input.
    let calls = "5b5f5f6110005f5f60bb5af1505f56";
    let tree = traced(calls, value(), json!({"tracer": "callTracer"}), 100_000);
    assert_eq!(refusal(tree), "trace too large: more than 100000 bytes");
}

#[test]
fn a_prestate_with_much_code_is_bounded_before_it_is_written() {
    let value = json!({"to": CONTRACT});
    let config = json!({"tracer": "prestateTracer"});
    let code = "00".repeat(20_000);
    assert!(traced(&code, value.clone(), config.clone(), 50_000).is_ok());
    let words = refusal(traced(&code, value, config, 39_000));
    assert_eq!(words, "trace too large: more than 39000 bytes");
}

#[test]
fn a_rejected_call_is_not_traced() {
    let value = json!({"to": CONTRACT, "value": "0x1"});
    let words = refusal(traced("00", value, json!({}), MAX_BYTES));
    assert!(
        words.starts_with("tracing failed: insufficient funds"),
        "{words}"
    );
}

fn system(to: Address, mint: u128) -> Vec<u8> {
    SystemTransaction {
        source_hash: B256::repeat_byte(1),
        sender: RICH,
        to,
        mint,
        value: U256::ZERO,
        gas_limit: 100_000,
        is_system: false,
        data: Bytes::new(),
    }
    .encode()
}

fn header() -> Header {
    Header {
        number: 7,
        gas_limit: 30_000_000,
        base_fee_per_gas: Some(7),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        ..Header::default()
    }
}

fn trace_all(
    code: &str,
    index: Option<usize>,
    deadline: Option<Deadline>,
) -> Result<Value, CallError> {
    let world = world(code);
    let raws = [system(CONTRACT, 5), system(CONTRACT, 0)];
    let raws: Vec<&[u8]> = raws.iter().map(Vec::as_slice).collect();
    let config = TraceConfig::parse(br#"{"tracer": "callTracer"}"#).unwrap();
    let bounds = TraceBounds {
        deadline,
        max_bytes: MAX_BYTES,
    };
    let text = trace_block(&world, &rules(), &header(), &raws, index, &config, bounds)?;
    Ok(serde_json::from_str(&text).unwrap())
}

#[test]
fn a_block_is_traced_in_order_on_the_state_that_it_makes() {
    // Returns slot 0 and adds one to it.
    let code = "5f54805f526001015f5560205ff3";
    let traces = trace_all(code, None, None).unwrap();
    let output = |trace: &Value| trace["output"].as_str().unwrap().to_owned();
    assert_eq!(output(&traces[0]["result"]), format!("0x{:064x}", 0));
    assert_eq!(output(&traces[1]["result"]), format!("0x{:064x}", 1));
    assert!(traces[0]["txHash"].as_str().unwrap().len() == 66);
    let second = trace_all(code, Some(1), None).unwrap();
    assert_eq!(second, traces[1]["result"]);
    assert_eq!(
        refusal(trace_all(code, Some(2), None)),
        "transaction not found"
    );
}

#[test]
fn a_block_trace_keeps_its_deadline() {
    let late = Deadline {
        at: Instant::now(),
        timeout: Duration::from_secs(5),
    };
    let words = refusal(trace_all("5b5f56", Some(1), Some(late)));
    assert_eq!(words, "execution aborted (timeout = 5s)");
}
