// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title MetisToken
/// @notice METIS of a devnet: a fixed supply, permits (ERC-2612), burning. A real network names its own token.
contract MetisToken is ERC20, ERC20Permit, ERC20Burnable {
    /// @param holder who gets all of it
    /// @param supply wei
    constructor(address holder, uint256 supply) ERC20("Metis Token", "Metis") ERC20Permit("Metis Token") {
        _mint(holder, supply);
    }
}
