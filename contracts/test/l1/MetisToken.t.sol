// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {Vm} from "forge-std/Vm.sol";
import {MetisToken} from "../../src/l1/MetisToken.sol";

/// @dev METIS of a devnet.
contract MetisTokenTest is Test {
    MetisToken internal token;

    function setUp() public {
        token = new MetisToken(address(this), 1_000e18);
    }

    function test_AllOfTheSupplyIsTheHolders() public view {
        assertEq(token.totalSupply(), 1_000e18);
        assertEq(token.balanceOf(address(this)), 1_000e18);
        assertEq(token.decimals(), 18);
    }

    function test_BurningLowersTheSupply() public {
        token.burn(1e18);
        assertEq(token.totalSupply(), 999e18);
    }

    function test_APermitIsAnAllowanceOnce() public {
        Vm.Wallet memory holder = vm.createWallet("holder");
        bytes32 message = keccak256(
            abi.encode(
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                holder.addr,
                address(this),
                5,
                0,
                block.timestamp
            )
        );
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(holder, keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), message)));
        token.permit(holder.addr, address(this), 5, block.timestamp, v, r, s);
        assertEq(token.allowance(holder.addr, address(this)), 5);
        vm.expectRevert();
        token.permit(holder.addr, address(this), 5, block.timestamp, v, r, s);
    }
}
