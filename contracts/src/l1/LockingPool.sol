// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ILockingPool} from "./interfaces/ILockingPool.sol";
import {INetworkParameters} from "./interfaces/INetworkParameters.sol";
import {Discipline} from "./pool/Discipline.sol";

/// @title LockingPool
/// @notice The pool of sequencers on L1. What it promises is in `ILockingPool`; how, in `pool/`.
/// @dev Here: setting up, keys and owners of a sequencer, and what governance may switch. UUPS behind an
/// ERC-1967 proxy; the owner is the timelock.
contract LockingPool is Discipline, UUPSUpgradeable {
    /// @notice Version of this code.
    string public constant VERSION = "1.0.0";

    /// @custom:oz-upgrades-unsafe-allow constructor
    constructor() {
        _disableInitializers();
    }

    /// @notice Set the pool up, once.
    /// @param owner_ who governs: in the end the timelock, until then the deployer
    /// @param token_ METIS
    /// @param parameters_ the `NetworkParameters`
    /// @param l2ChainId_ chain id of the L2
    /// @param whitelistRequired_ whether new stake needs the whitelist
    /// @custom:oz-upgrades-unsafe-allow missing-initializer-call
    function initialize(
        address owner_,
        address token_,
        address parameters_,
        uint256 l2ChainId_,
        bool whitelistRequired_
    ) external initializer {
        if (token_ == address(0) || parameters_ == address(0)) revert ZeroAddress();
        // EIP712Upgradeable is not set up: name and version of the domain are constants (SignerKeys).
        __Ownable_init(owner_);
        __Pausable_init();
        __Votes_init();
        Pool storage pool = _pool();
        pool.token = IERC20(token_);
        pool.parameters = INetworkParameters(parameters_);
        pool.l2ChainId = l2ChainId_;
        pool.whitelistRequired = whitelistRequired_;
        emit SetWhitelistRequired(whitelistRequired_);
    }

    // ---- keys and owners of a sequencer ----

    /// @inheritdoc ILockingPool
    function updateSigner(uint256 sequencerId, bytes calldata signerPubkey) external {
        Record storage record = _record(sequencerId);
        address oldSigner = record.signer;
        if (msg.sender != record.owner && msg.sender != oldSigner) revert NotOwnerOrSigner(sequencerId, msg.sender);
        if (record.status == Status.Unlocked) revert WrongStatus(sequencerId, record.status);
        record.signer = _bindSigner(sequencerId, record.owner, signerPubkey);
        emit SignerChange(sequencerId, oldSigner, record.signer, _bare(signerPubkey));
        _writeSeat(sequencerId, record);
    }

    /// @inheritdoc ILockingPool
    function setSequencerOwner(uint256 sequencerId, address owner_) external {
        Record storage record = _ownRecord(sequencerId);
        if (record.status == Status.Unlocked) revert WrongStatus(sequencerId, record.status);
        record.pendingOwner = owner_;
        emit SequencerOwnerInvited(sequencerId, owner_);
    }

    /// @inheritdoc ILockingPool
    function acceptSequencerOwner(uint256 sequencerId) external {
        Record storage record = _record(sequencerId);
        if (msg.sender != record.pendingOwner) revert NotInvitedOwner(sequencerId, msg.sender, record.pendingOwner);
        mapping(address => uint256) storage owners = _pool().owners;
        if (owners[msg.sender] != 0) revert OwnsSequencer(msg.sender, owners[msg.sender]);
        _requireWhitelisted(msg.sender);
        _transferVotingUnits(record.owner, msg.sender, record.power);
        delete owners[record.owner];
        owners[msg.sender] = sequencerId;
        record.owner = msg.sender;
        record.pendingOwner = address(0);
        emit SequencerOwnerChanged(sequencerId, msg.sender);
    }

    // ---- governance ----

    /// @inheritdoc ILockingPool
    function setWhitelist(address user, bool yes) external onlyOwner {
        _pool().whitelist[user] = yes;
        emit SetWhitelist(user, yes);
    }

    /// @inheritdoc ILockingPool
    function setWhitelistRequired(bool required) external onlyOwner {
        _pool().whitelistRequired = required;
        emit SetWhitelistRequired(required);
    }

    /// @inheritdoc ILockingPool
    function setPause(bool yes) external onlyOwner {
        if (yes) _pause();
        else _unpause();
    }

    /// @inheritdoc ILockingPool
    function setSlasher(address slasher_) external onlyOwner {
        if (slasher_ == address(0)) revert ZeroAddress();
        _pool().slasher = slasher_;
        emit SetSlasher(slasher_);
    }

    /// @inheritdoc ILockingPool
    function setSettlement(address settlement_) external onlyOwner {
        if (settlement_ == address(0)) revert ZeroAddress();
        _pool().settlement = settlement_;
        emit SetSettlement(settlement_);
    }

    /// @notice Never: without an owner nothing could be mended any more.
    function renounceOwnership() public pure override {
        revert OwnerIsNeeded();
    }

    function _authorizeUpgrade(address) internal override onlyOwner {}
}
