// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {TransientSlot} from "@openzeppelin/contracts/utils/TransientSlot.sol";
import {SubmitterCost} from "../../lib/SubmitterCost.sol";
import {ParameterKeys} from "../ParameterKeys.sol";
import {INetworkParameters} from "../interfaces/INetworkParameters.sol";
import {ISequencerInbox} from "../interfaces/ISequencerInbox.sol";

/// @title SubmitterCredits
/// @notice What submitters are owed for their gas and blobs, in wei of ether.
/// @dev A credit is a debt of this contract, paid as far as anybody funded it. Nothing here may stop a
/// batch: a parameter that can't be read means no credit.
abstract contract SubmitterCredits is ISequencerInbox {
    using TransientSlot for *;

    /// @custom:storage-location erc7201:metis.storage.SubmitterCredits
    struct Credits {
        mapping(address submitter => uint256) owed;
        uint256 total;
    }

    /// @dev keccak256(abi.encode(uint256(keccak256("metis.storage.SubmitterCredits")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant CREDITS_STORAGE = 0x9893a1ea84335bb1e68e026256ad702235dad421e706e23e5c7126d4d04fdd00;
    /// @dev Transient: a batch was credited in this transaction, whose base cost and blobs count once.
    bytes32 private constant CREDITED = keccak256("metis.transient.SubmitterCredits.credited");
    uint256 private constant ONE_BPS = 10_000;

    /// @notice Pay into the fund of submitters.
    receive() external payable {
        emit SubmittersFunded(msg.sender, msg.value);
    }

    /// @inheritdoc ISequencerInbox
    // slither-disable-next-line missing-zero-check
    function claimCredit(address payable to) external returns (uint256 paid) {
        Credits storage credits = _credits();
        uint256 owed = credits.owed[msg.sender];
        paid = Math.min(owed, address(this).balance);
        if (paid == 0) revert NothingToPay(owed, address(this).balance);
        credits.owed[msg.sender] = owed - paid;
        credits.total -= paid;
        emit CreditPaid(msg.sender, to, paid, owed - paid);
        // slither-disable-next-line arbitrary-send-eth,low-level-calls
        (bool success,) = to.call{value: paid}("");
        if (!success) revert PaymentRefused(to);
    }

    /// @inheritdoc ISequencerInbox
    function creditOf(address submitter) external view returns (uint256) {
        return _credits().owed[submitter];
    }

    /// @inheritdoc ISequencerInbox
    function totalCredit() external view returns (uint256) {
        return _credits().total;
    }

    /// @dev Cost times (1 + margin), at most the cap. Only the first batch of a transaction earns it.
    function _credit(INetworkParameters parameters, uint256 index, SubmitterCost.Submission memory submission) internal {
        if (CREDITED.asBoolean().tload()) return;
        CREDITED.asBoolean().tstore(true);
        uint256 margin = _read(parameters, ParameterKeys.SUBMIT_MARGIN);
        uint256 cap = _read(parameters, ParameterKeys.SUBMIT_CAP);
        uint256 amount = Math.min(Math.mulDiv(SubmitterCost.inWei(submission), ONE_BPS + margin, ONE_BPS), cap);
        if (amount == 0) return;
        Credits storage credits = _credits();
        credits.owed[msg.sender] += amount;
        credits.total += amount;
        emit SubmitterCredited(msg.sender, index, amount);
    }

    function _read(INetworkParameters parameters, bytes32 key) private view returns (uint256) {
        try parameters.get(key) returns (uint256 value) {
            return value;
        } catch {
            return 0;
        }
    }

    function _credits() private pure returns (Credits storage credits) {
        assembly ("memory-safe") {
            credits.slot := CREDITS_STORAGE
        }
    }
}
