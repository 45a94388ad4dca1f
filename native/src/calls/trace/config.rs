//! `TraceConfig`: which tracer a request wants and how, parsed from geth's JSON.

use std::time::Duration;

use alloy_rpc_types_trace::geth::PreStateConfig;
use serde_json::Value;

use super::call_frames::CallTracerConfig;
use super::struct_log::StructLogConfig;
use crate::calls::block_override::BlockOverride;
use crate::calls::fields::{self, Fields};
use crate::calls::refusal::Refusal;
use crate::calls::state_override::{self, StateOverride};

/// Tracers inside one muxTracer at most.
const MAX_MUXED: usize = 8;

/// Names of the tracers there are.
const AVAILABLE: &str =
    "4byteTracer, callTracer, flatCallTracer, muxTracer, noopTracer, prestateTracer";

/// A tracer with its options.
#[derive(Debug, Clone)]
pub enum TracerConfig {
    StructLogs(StructLogConfig),
    Calls(CallTracerConfig),
    FlatCalls,
    Prestate(PreStateConfig),
    FourBytes,
    Noop,
    /// Names, as asked for, and tracers.
    Mux(Vec<(String, TracerConfig)>),
}

/// geth's `TraceConfig` and `TraceCallConfig`.
#[derive(Debug, Clone)]
pub struct TraceConfig {
    pub tracer: TracerConfig,
    pub timeout: Option<Duration>,
    pub state_overrides: StateOverride,
    pub block_overrides: BlockOverride,
}

impl TraceConfig {
    pub fn parse(json: &[u8]) -> Result<Self, Refusal> {
        let value = match fields::parse(json, "config")? {
            Value::Null => Value::Object(serde_json::Map::new()),
            value => value,
        };
        let fields = Fields::of(&value, "config")?;
        let overrides = |name| fields.get(name).unwrap_or(&Value::Null);
        Ok(Self {
            tracer: tracer(&fields)?,
            timeout: timeout(&fields)?,
            state_overrides: state_override::parse(overrides("stateOverrides"), "stateOverrides")?,
            block_overrides: BlockOverride::parse(overrides("blockOverrides"), "blockOverrides")?,
        })
    }
}

fn tracer(fields: &Fields<'_>) -> Result<TracerConfig, Refusal> {
    match fields.text("tracer")? {
        None | Some("") => struct_logs(fields).map(TracerConfig::StructLogs),
        Some(name) => named(name, fields.get("tracerConfig").unwrap_or(&Value::Null)),
    }
}

fn struct_logs(fields: &Fields<'_>) -> Result<StructLogConfig, Refusal> {
    let flag = |name| fields.flag(name).map(Option::unwrap_or_default);
    Ok(StructLogConfig {
        memory: flag("enableMemory")?,
        no_stack: flag("disableStack")?,
        no_storage: flag("disableStorage")?,
        return_data: flag("enableReturnData")?,
        limit: fields.number("limit")?.unwrap_or_default(),
    })
}

fn named(name: &str, config: &Value) -> Result<TracerConfig, Refusal> {
    let empty = Value::Object(serde_json::Map::new());
    let value = if config.is_null() { &empty } else { config };
    let fields = Fields::of(value, "tracerConfig")?;
    let flag = |name| fields.flag(name).map(Option::unwrap_or_default);
    match name {
        "callTracer" => Ok(TracerConfig::Calls(CallTracerConfig {
            only_top_call: flag("onlyTopCall")?,
            with_log: flag("withLog")?,
        })),
        "prestateTracer" => Ok(TracerConfig::Prestate(PreStateConfig {
            diff_mode: Some(flag("diffMode")?),
            disable_code: Some(flag("disableCode")?),
            disable_storage: Some(flag("disableStorage")?),
        })),
        "flatCallTracer" => Ok(TracerConfig::FlatCalls),
        "4byteTracer" => Ok(TracerConfig::FourBytes),
        "noopTracer" => Ok(TracerConfig::Noop),
        "muxTracer" => muxed(&fields),
        unknown => Err(unavailable(unknown)),
    }
}

fn muxed(fields: &Fields<'_>) -> Result<TracerConfig, Refusal> {
    if fields.members().count() > MAX_MUXED {
        return Err(Refusal::malformed(format!(
            "invalid argument: tracerConfig: muxTracer takes at most {MAX_MUXED} tracers"
        )));
    }
    let entry = |(name, config): (&String, &Value)| match name.as_str() {
        "muxTracer" => Err(Refusal::malformed(
            "invalid argument: tracerConfig: a muxTracer cannot hold another",
        )),
        other => named(other, config).map(|tracer| (name.clone(), tracer)),
    };
    fields
        .members()
        .map(entry)
        .collect::<Result<_, _>>()
        .map(TracerConfig::Mux)
}

fn unavailable(name: &str) -> Refusal {
    let is_code = name.contains('{') || name.contains('(');
    let why = if is_code {
        "JavaScript tracers are not supported".to_owned()
    } else {
        format!(
            "tracer {:?} not found",
            name.chars().take(64).collect::<String>()
        )
    };
    Refusal::refused(format!(
        "{why}; available are {AVAILABLE}, and struct logs without a tracer"
    ))
}

/// A duration as Go writes it: `300ms`, `1.5s`, `1m30s`.
fn timeout(fields: &Fields<'_>) -> Result<Option<Duration>, Refusal> {
    match fields.text("timeout")? {
        None => Ok(None),
        Some(text) => duration(text).map(Some).ok_or_else(|| {
            fields.refuse("timeout", "a duration is expected, as \"5s\" or \"300ms\"")
        }),
    }
}

fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let amount: f64 = rest[..digits].parse().ok()?;
        let unit_end = rest[digits..]
            .find(|c: char| c.is_ascii_digit())
            .map_or(rest.len(), |end| digits + end);
        let seconds = match &rest[digits..unit_end] {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        total = total.checked_add(Duration::try_from_secs_f64(amount * seconds).ok()?)?;
        rest = &rest[unit_end..];
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        assert_eq!(duration("5s"), Some(Duration::from_secs(5)));
        assert_eq!(duration("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(duration("1.5s"), Some(Duration::from_millis(1500)));
        for bad in ["", "5", "s", "5x", "1..5s", "-1s", "99999999999999999999h"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn unknown_tracers_are_refused_with_the_names_of_those_there_are() {
        let refused = |json: &str| TraceConfig::parse(json.as_bytes()).unwrap_err().message;
        assert!(refused(r#"{"tracer": "goodTracer"}"#).contains("callTracer"));
        assert!(refused(r#"{"tracer": "{step: function(){}}"}"#).contains("JavaScript"));
        assert!(
            refused(r#"{"tracer": "muxTracer", "tracerConfig": {"muxTracer": {}}}"#)
                .contains("mux")
        );
        assert!(refused(r#"{"timeout": "soon"}"#).contains("timeout"));
        assert!(refused(r#"{"enableMemory": 1}"#).contains("enableMemory"));
    }
}
