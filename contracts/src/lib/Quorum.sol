// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {ILockingPool} from "../l1/interfaces/ILockingPool.sol";

/// @title Quorum
/// @notice Whether sequencers with more than 2/3 of the power signed a digest.
library Quorum {
    uint256 private constant SIGNATURE_BYTES = 65;

    /// @notice Not 65 bytes of signature for every id.
    error SignaturesLength(uint256 found, uint256 expected);
    /// @notice An id is not above the one before it: each counts once.
    error IdsNotRising(uint256 id, uint256 before);
    /// @notice A sequencer had no power at the stake block.
    error NoPower(uint256 id, uint256 stakeBlock);
    /// @notice A signature is of another key than the sequencer's at the stake block.
    error WrongSigner(uint256 id, address signer, address expected);
    /// @notice The power that signed is not more than 2/3.
    error NoQuorum(uint256 power, uint256 totalPower);

    /// @notice Revert unless the sequencers `ids`, as they stood at the end of L1 block `stakeBlock`, all
    /// signed `digest` and have more than 2/3 of the power of that block.
    /// @param ids strictly rising
    /// @param signatures 65 bytes (r, s, v with low s) each, in the order of `ids`
    function check(
        ILockingPool pool,
        uint256 stakeBlock,
        bytes32 digest,
        uint256[] calldata ids,
        bytes calldata signatures
    ) internal view {
        uint256 expected = ids.length * SIGNATURE_BYTES;
        if (signatures.length != expected) revert SignaturesLength(signatures.length, expected);
        uint256 power = 0;
        uint256 before = 0; // ids count from 1
        for (uint256 i = 0; i < ids.length; ++i) {
            uint256 id = ids[i];
            if (id <= before) revert IdsNotRising(id, before);
            before = id;
            bytes calldata signature = signatures[i * SIGNATURE_BYTES:(i + 1) * SIGNATURE_BYTES];
            power += _signedPower(pool, stakeBlock, digest, id, signature);
        }
        uint256 total = pool.totalPowerAt(stakeBlock);
        if (3 * power <= 2 * total) revert NoQuorum(power, total);
    }

    function _signedPower(
        ILockingPool pool,
        uint256 stakeBlock,
        bytes32 digest,
        uint256 id,
        bytes calldata signature
    ) private view returns (uint256) {
        (address signer, uint64 power) = pool.seatAt(id, stakeBlock);
        if (power == 0) revert NoPower(id, stakeBlock);
        address recovered = ECDSA.recoverCalldata(digest, signature);
        if (recovered != signer) revert WrongSigner(id, recovered, signer);
        return power;
    }
}
