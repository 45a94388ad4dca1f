// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title BatchData
/// @notice Commitment to the data that a batch posts.
/// @dev The first byte keeps the two ways apart. Without it, calldata that spells out the versioned
/// hashes of certified blobs would have their hash, and the certificate would pass with no blob posted.
library BatchData {
    bytes1 internal constant CALLDATA = 0x00;
    bytes1 internal constant BLOBS = 0x01;

    /// @notice A transaction carries blobs and calldata, so that it is unclear which is the batch.
    error MixedData();
    /// @notice A batch carries neither blobs nor calldata.
    error NoData();

    /// @notice Hash of the data of this transaction, and how many blobs it has.
    /// @param data the payload, empty when the blobs of the transaction are the data
    /// @return dataHash keccak256(0x00 ‖ data), or keccak256(0x01 ‖ versioned hash of each blob in order)
    /// @return blobs blobs of the transaction
    function hash(bytes calldata data) internal view returns (bytes32 dataHash, uint256 blobs) {
        if (data.length != 0) {
            if (blobhash(0) != 0) revert MixedData();
            return (keccak256(abi.encodePacked(CALLDATA, data)), 0);
        }
        bytes memory preimage = abi.encodePacked(BLOBS);
        for (bytes32 blob = blobhash(0); blob != 0; blob = blobhash(blobs)) {
            preimage = bytes.concat(preimage, blob);
            ++blobs;
        }
        if (blobs == 0) revert NoData();
        return (keccak256(preimage), blobs);
    }
}
