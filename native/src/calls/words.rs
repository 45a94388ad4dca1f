//! geth's words for what goes wrong inside an execution. Clients match on them.

use std::time::Duration;

use alloy_primitives::{Address, U256};
use revm::context::result::{HaltReason, InvalidTransaction, OutOfGasError};

/// Longest revert reason that is decoded, bytes. A longer one is given as data only.
const MAX_REASON_BYTES: usize = 64 * 1024;

/// Where a faulting instruction stood: what the words of some faults name.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fault {
    pub opcode: u8,
    pub stack: usize,
}

/// Whether the words of this fault name the instruction.
pub fn names_instruction(reason: &HaltReason) -> bool {
    use HaltReason::{NotActivated, OpcodeNotFound, StackOverflow, StackUnderflow};
    matches!(
        reason,
        OpcodeNotFound | NotActivated | StackUnderflow | StackOverflow
    )
}

/// An execution that ran out or broke a rule.
pub fn halt(reason: &HaltReason, fault: Fault) -> String {
    match reason {
        HaltReason::OutOfGas(OutOfGasError::MemoryLimit) => "gas uint64 overflow".into(),
        HaltReason::OutOfGas(_) => "out of gas".into(),
        HaltReason::InvalidFEOpcode => "invalid opcode: INVALID".into(),
        HaltReason::OpcodeNotFound | HaltReason::NotActivated => invalid_opcode(fault.opcode),
        HaltReason::InvalidJump => "invalid jump destination".into(),
        HaltReason::StackUnderflow => stack_underflow(fault),
        HaltReason::StackOverflow => "stack limit reached 1024 (1023)".into(),
        HaltReason::OutOfOffset => "return data out of bounds".into(),
        HaltReason::CreateCollision => "contract address collision".into(),
        HaltReason::PrecompileError => "precompile failed".into(),
        HaltReason::PrecompileErrorWithContext(text) => text.clone(),
        HaltReason::NonceOverflow => "nonce uint64 overflow".into(),
        HaltReason::CreateContractSizeLimit => "max code size exceeded".into(),
        HaltReason::CreateContractStartingWithEF => "invalid code: must not begin with 0xef".into(),
        HaltReason::CreateInitCodeSizeLimit => "max initcode size exceeded".into(),
        HaltReason::OverflowPayment | HaltReason::OutOfFunds => {
            "insufficient balance for transfer".into()
        }
        HaltReason::StateChangeDuringStaticCall | HaltReason::CallNotAllowedInsideStatic => {
            "write protection".into()
        }
        HaltReason::CallTooDeep => "max call depth exceeded".into(),
    }
}

fn invalid_opcode(opcode: u8) -> String {
    format!("invalid opcode: opcode {opcode:#x} not defined")
}

fn stack_underflow(fault: Fault) -> String {
    let wanted = revm::bytecode::opcode::OpCode::new(fault.opcode).map_or(0, |op| op.inputs());
    format!("stack underflow ({} <=> {wanted})", fault.stack)
}

/// What is said of a reverted execution: the reason too, where the contract gave one.
pub fn revert(output: &[u8]) -> String {
    match revert_reason(output) {
        Some(reason) => format!("execution reverted: {reason}"),
        None => "execution reverted".into(),
    }
}

/// The text of Solidity's `Error(string)` or `Panic(uint256)`.
pub fn revert_reason(output: &[u8]) -> Option<String> {
    let (selector, arguments) = output.split_first_chunk::<4>()?;
    match selector {
        [0x08, 0xc3, 0x79, 0xa0] => abi_string(arguments),
        [0x4e, 0x48, 0x7b, 0x71] => arguments
            .get(..32)
            .map(|word| panic(U256::from_be_slice(word))),
        _ => None,
    }
}

fn abi_string(arguments: &[u8]) -> Option<String> {
    let word = |at: usize| -> Option<usize> {
        usize::try_from(U256::from_be_slice(arguments.get(at..at.checked_add(32)?)?)).ok()
    };
    let start = word(0)?;
    let length = word(start)?;
    if length > MAX_REASON_BYTES {
        return None;
    }
    let text =
        arguments.get(start.checked_add(32)?..start.checked_add(32)?.checked_add(length)?)?;
    Some(String::from_utf8_lossy(text).into_owned())
}

fn panic(code: U256) -> String {
    let known = match u8::try_from(code) {
        Ok(0x00) => "generic panic",
        Ok(0x01) => "assert(false)",
        Ok(0x11) => "arithmetic underflow or overflow",
        Ok(0x12) => "division or modulo by zero",
        Ok(0x21) => "enum overflow",
        Ok(0x22) => "invalid encoded storage byte array accessed",
        Ok(0x31) => "out-of-bounds array access; popping on an empty array",
        Ok(0x32) => "out-of-bounds access of an array or bytesN",
        Ok(0x41) => "out of memory",
        Ok(0x51) => "uninitialized function",
        _ => return format!("unknown panic code: {code:#x}"),
    };
    known.into()
}

/// The sender's side of a transaction, for the words that name it.
#[derive(Debug, Clone, Copy)]
pub struct Offer {
    pub from: Address,
    pub gas_limit: u64,
    pub max_fee: U256,
    pub max_priority_fee: U256,
    pub base_fee: u64,
    pub init_code_len: usize,
}

/// A transaction that the rules reject before it executes.
pub fn invalid_transaction(invalid: &InvalidTransaction, offer: &Offer) -> String {
    let from = offer.from;
    match invalid {
        InvalidTransaction::PriorityFeeGreaterThanMaxFee => format!(
            "max priority fee per gas higher than max fee per gas: address {from}, \
             maxPriorityFeePerGas: {}, maxFeePerGas: {}",
            offer.max_priority_fee, offer.max_fee
        ),
        InvalidTransaction::GasPriceLessThanBasefee => format!(
            "max fee per gas less than block base fee: address {from}, maxFeePerGas: {}, baseFee: {}",
            offer.max_fee, offer.base_fee
        ),
        InvalidTransaction::CallerGasLimitMoreThanBlock => "gas limit reached".into(),
        InvalidTransaction::CallGasCostMoreThanGasLimit {
            initial_gas,
            gas_limit,
        } => {
            format!("intrinsic gas too low: have {gas_limit}, want {initial_gas}")
        }
        InvalidTransaction::GasFloorMoreThanGasLimit {
            gas_floor,
            gas_limit,
        } => {
            format!("insufficient gas for floor data gas cost: have {gas_limit}, want {gas_floor}")
        }
        InvalidTransaction::RejectCallerWithCode => format!("sender not an eoa: address {from}"),
        InvalidTransaction::LackOfFundForMaxFee { fee, balance } => format!(
            "insufficient funds for gas * price + value: address {from} have {balance} want {fee}"
        ),
        InvalidTransaction::OverflowPaymentInTransaction => format!(
            "insufficient funds for gas * price + value: address {from} required balance exceeds 256 bits"
        ),
        InvalidTransaction::NonceOverflowInTransaction => {
            format!("nonce has max value: address {from}, nonce: {}", u64::MAX)
        }
        InvalidTransaction::NonceTooHigh { tx, state } => {
            format!("nonce too high: address {from}, tx: {tx} state: {state}")
        }
        InvalidTransaction::NonceTooLow { tx, state } => {
            format!("nonce too low: address {from}, tx: {tx} state: {state}")
        }
        InvalidTransaction::CreateInitCodeSizeLimit => {
            format!(
                "max initcode size exceeded: code size {} limit 49152",
                offer.init_code_len
            )
        }
        InvalidTransaction::TxGasLimitGreaterThanCap { gas_limit, cap } => {
            format!("transaction gas limit too high (cap: {cap}, tx: {gas_limit})")
        }
        InvalidTransaction::BlobGasPriceGreaterThanMax {
            block_blob_gas_price,
            tx_max_fee_per_blob_gas,
        } => format!(
            "max fee per blob gas less than block blob gas fee: address {from} blobGasFeeCap: \
             {tx_max_fee_per_blob_gas}, blobBaseFee: {block_blob_gas_price}"
        ),
        InvalidTransaction::EmptyBlobs => "blob transaction missing blob hashes".into(),
        InvalidTransaction::BlobCreateTransaction => "blob transaction of type create".into(),
        InvalidTransaction::TooManyBlobs { max, have } => {
            format!("blob transaction has too many blobs (max: {max}, have: {have})")
        }
        InvalidTransaction::BlobVersionNotSupported => "blob 0 has invalid hash version".into(),
        InvalidTransaction::AuthorizationListInvalidFields => {
            format!("EIP-7702 transaction cannot be used to create contract (sender {from})")
        }
        InvalidTransaction::EmptyAuthorizationList => {
            format!("EIP-7702 transaction with empty auth list (sender {from})")
        }
        other => other.to_string(),
    }
}

/// A time span as Go prints it: `500ms`, `5s`, `1m30s`.
pub fn duration(span: Duration) -> String {
    let millis = span.as_millis();
    if millis < 1000 {
        return format!("{millis}ms");
    }
    let (minutes, rest) = (millis / 60_000, millis % 60_000);
    let seconds = match rest % 1000 {
        0 => format!("{}s", rest / 1000),
        part => {
            let decimals = format!("{part:03}");
            format!("{}.{}s", rest / 1000, decimals.trim_end_matches('0'))
        }
    };
    match (minutes / 60, minutes % 60) {
        (0, 0) => seconds,
        (0, minutes) => format!("{minutes}m{seconds}"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
    }
}
