// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// What the client tests deploy: state, an event, and every way to fail.
contract Probe {
    event Noted(address indexed who, uint256 value, string text);

    error Refused(uint256 code, string why);

    uint256 public total;

    constructor(uint256 start) {
        total = start;
    }

    receive() external payable {}

    function note(uint256 value, string calldata text) external returns (uint256) {
        total += value;
        emit Noted(msg.sender, value, text);
        return total;
    }

    // Not `pure`, so that clients send it as a transaction.
    function fail(string calldata why) external {
        total += 1;
        revert(why);
    }

    function refuse(uint256 code) external pure {
        revert Refused(code, "not today");
    }

    function divide(uint256 by) external pure returns (uint256) {
        return 1 / by;
    }
}
