// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title SubmitterCost
/// @notice What bringing a batch to L1 cost its submitter, by the rules of L1, never above it by much.
/// @dev Bytes are priced by what the contract checked, not by `msg.data`, so that padding earns nothing.
library SubmitterCost {
    uint256 internal constant BLOB_GAS = 131_072; // EIP-4844
    uint256 private constant INTRINSIC_GAS = 21_000;
    uint256 private constant TOKEN_GAS = 4; // EIP-7623: a zero byte is one token, any other four
    uint256 private constant FLOOR_TOKEN_GAS = 10;
    uint256 private constant WORD_TOKENS = 35; // a word of a small number
    uint256 private constant FIXED_WORDS = 10; // of the call: first, last, offsets, lengths
    uint256 private constant BLOOM_BYTES = 256; // of the header, mostly zeros
    uint256 private constant OUTSIDE_GAS = 20_000; // proxy, decoding, and the credit itself
    /// @dev A tip above is the submitter's own affair: it may be the one who is tipped.
    uint256 internal constant MAX_TIP = 2 gwei;

    /// @notice Lengths of what a submission carries, and the gas that checking it took.
    struct Submission {
        uint256 gasUsed;
        uint256 dataBytes;
        uint256 headerBytes;
        uint256 signers;
        uint256 blobs;
    }

    /// @notice Cost in wei at the prices of this transaction.
    function inWei(Submission memory submission) internal view returns (uint256) {
        uint256 price = Math.min(tx.gasprice, block.basefee + MAX_TIP);
        return gasOf(submission) * price + submission.blobs * BLOB_GAS * block.blobbasefee;
    }

    /// @notice Gas, blob gas aside (EIP-2028, EIP-7623).
    function gasOf(Submission memory submission) internal pure returns (uint256) {
        uint256 header = 4 * submission.headerBytes - 3 * Math.min(submission.headerBytes, BLOOM_BYTES);
        uint256 tokens = 4 * (submission.dataBytes + 65 * submission.signers) + header
            + WORD_TOKENS * (submission.signers + FIXED_WORDS);
        uint256 standard = TOKEN_GAS * tokens + submission.gasUsed + OUTSIDE_GAS;
        return INTRINSIC_GAS + Math.max(standard, FLOOR_TOKEN_GAS * tokens);
    }
}
