// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CommonBase} from "forge-std/Base.sol";
import {LockingPool} from "../../src/l1/LockingPool.sol";
import {NetworkParameters} from "../../src/l1/NetworkParameters.sol";
import {ParameterKeys} from "../../src/l1/ParameterKeys.sol";
import {SequencerInbox} from "../../src/l1/SequencerInbox.sol";
import {Digests} from "../../src/lib/Digests.sol";
import {TestHeaders} from "./TestHeaders.sol";

/// @dev Submits batches of every kind, good and bad, while stake and keys change, and keeps books of its
/// own: what must have been accepted, and what must have been refused.
contract InboxHandler is CommonBase {
    uint256 internal constant FIRST_KEY = 0xA000;
    uint256 internal constant L2_CHAIN_ID = 59_902;
    uint256 internal constant SEATS = 5;

    LockingPool internal immutable pool;
    SequencerInbox internal immutable inbox;
    NetworkParameters internal immutable parameters;
    address internal immutable governance;
    address internal immutable submitter = address(0x5B);

    uint256 public accepted;
    uint256 public refused;
    uint256 public restarts;
    uint256 public withoutQuorum; // submissions of too little power
    uint64 public lastStakeBlock;
    string public fault; // the first thing that went otherwise than it must

    mapping(uint256 id => uint256[]) internal keys; // oldest first
    mapping(uint256 id => uint256[]) internal keysFrom; // blocks from which they hold
    uint256 internal rotations;

    struct Choice {
        uint64 length;
        uint256 signers; // mask
        uint256 back; // blocks from now to the stake block
        uint256 twist; // what is wrong, if anything
    }

    struct Made {
        uint64 first;
        uint64 last;
        bytes header;
        bytes data;
        uint256[] ids;
        bytes signatures;
    }

    constructor(LockingPool pool_, SequencerInbox inbox_, NetworkParameters parameters_, address governance_) {
        pool = pool_;
        inbox = inbox_;
        parameters = parameters_;
        governance = governance_;
        for (uint256 id = 1; id <= SEATS; ++id) {
            keys[id].push(FIRST_KEY + id);
            keysFrom[id].push(0);
        }
    }

    // ---- what may happen ----

    /// @dev twist: 0 to 3 nothing wrong, 4 repeated id, 5 ids swapped, 6 data, 7 key, 8 gap, 9 header,
    /// 10 stake block back
    function submit(Choice memory choice) external {
        choice.twist = choice.twist % 11;
        choice.back = 1 + choice.back % 40;
        uint64 stakeBlock = uint64(vm.getBlockNumber() - choice.back);
        if (choice.twist == 10) stakeBlock = lastStakeBlock == 0 ? 0 : lastStakeBlock - 1;
        else if (stakeBlock < lastStakeBlock) stakeBlock = lastStakeBlock;
        Made memory made = _make(choice, stakeBlock);
        bool quorum = _power(made.ids, stakeBlock) * 3 > 2 * uint256(pool.totalPowerAt(stakeBlock));
        bool must = choice.twist < 4 && quorum && _allSeated(made.ids, stakeBlock);
        if (!quorum) ++withoutQuorum;
        _submit(made, must, stakeBlock);
    }

    function pass(uint256 blocks) external {
        blocks = 1 + blocks % 50;
        vm.roll(vm.getBlockNumber() + blocks);
        vm.warp(vm.getBlockTimestamp() + 12 * blocks);
    }

    function rotate(uint256 id) external {
        id = 1 + id % SEATS;
        uint256 key = 0xBEEF00 + ++rotations;
        address owner = pool.sequencers(id).owner;
        bytes32 digest = pool.signerProofDigest(owner);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        bytes memory proven =
            abi.encodePacked(vm.createWallet(key).publicKeyX, vm.createWallet(key).publicKeyY, r, s, v);
        vm.prank(owner);
        pool.updateSigner(id, proven);
        keys[id].push(key);
        keysFrom[id].push(vm.getBlockNumber());
    }

    function relock(uint256 id, uint256 amount) external {
        id = 1 + id % SEATS;
        address owner = pool.sequencers(id).owner;
        uint256 room = parameters.get(ParameterKeys.MAX_LOCK) - pool.sequencers(id).amount;
        amount = amount % 10_000e18;
        if (amount == 0 || amount > room) return;
        vm.prank(owner);
        pool.relock(id, amount, false);
    }

    function withdraw(uint256 id, uint256 amount) external {
        id = 1 + id % SEATS;
        address owner = pool.sequencers(id).owner;
        uint256 most = pool.sequencers(id).amount - parameters.get(ParameterKeys.MIN_LOCK);
        if (most == 0 || pool.unbondings(id).length >= 7) return;
        vm.prank(owner);
        pool.withdraw(id, 1 + amount % most);
    }

    function restart(uint256 ahead) external {
        if (restarts >= 3) return;
        vm.warp(vm.getBlockTimestamp() + 3 days);
        vm.roll(vm.getBlockNumber() + 10);
        inbox.recordTime();
        vm.roll(vm.getBlockNumber() + 1);
        uint64 stakeBlock = uint64(vm.getBlockNumber() - 1);
        uint64 height = inbox.lastBlock() + 2 + uint64(ahead % 5);
        vm.prank(governance);
        inbox.restart(height, keccak256("parent"), stakeBlock);
        lastStakeBlock = stakeBlock;
        ++restarts;
    }

    function claim() external {
        if (inbox.creditOf(submitter) == 0) return;
        vm.deal(address(inbox), inbox.creditOf(submitter) / 2 + 1);
        vm.prank(submitter);
        inbox.claimCredit(payable(submitter));
    }

    // ---- parts ----

    function _make(Choice memory choice, uint64 stakeBlock) private view returns (Made memory made) {
        made.first = inbox.lastBlock() + (choice.twist == 8 ? 2 : 1);
        made.last = made.first + choice.length % 1_000;
        if (made.last < inbox.lastRestart().height) made.last = inbox.lastRestart().height;
        uint64 number = choice.twist == 9 ? made.last + 1 : made.last;
        made.header = TestHeaders.encode(
            TestHeaders.Content({number: number, epoch: 1, stakeBlock: stakeBlock, stateRoot: keccak256("state")})
        );
        made.data = abi.encodePacked(bytes1(0x01), made.last);
        made.ids = _ids(choice);
        bytes32 digest = Digests.batch(
            Digests.domainSeparator(inbox.domainVersion(), L2_CHAIN_ID, address(pool)),
            made.first,
            made.last,
            keccak256(made.header),
            keccak256(abi.encodePacked(bytes1(0x00), made.data))
        );
        for (uint256 i = 0; i < made.ids.length; ++i) {
            uint256 key = choice.twist == 7 && i == 0 ? 0xBAD : _keyAt(made.ids[i], stakeBlock);
            (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
            made.signatures = bytes.concat(made.signatures, abi.encodePacked(r, s, v));
        }
        if (choice.twist == 6) made.data = bytes.concat(made.data, hex"00");
        if (choice.twist == 7 && made.ids.length == 0) made.first += 1;
    }

    function _ids(Choice memory choice) private pure returns (uint256[] memory ids) {
        uint256 mask = choice.signers % (1 << SEATS);
        if (choice.twist == 4 || choice.twist == 5) mask |= 3;
        uint256 size = 0;
        for (uint256 i = 0; i < SEATS; ++i) {
            size += (mask >> i) & 1;
        }
        ids = new uint256[](size);
        uint256 next = 0;
        for (uint256 i = 0; i < SEATS; ++i) {
            if ((mask >> i) & 1 == 1) ids[next++] = i + 1;
        }
        if (choice.twist == 4) ids[1] = ids[0];
        if (choice.twist == 5) (ids[0], ids[1]) = (ids[1], ids[0]);
        return ids;
    }

    function _keyAt(uint256 id, uint256 blockNumber) private view returns (uint256 key) {
        for (uint256 i = 0; i < keys[id].length; ++i) {
            if (keysFrom[id][i] <= blockNumber) key = keys[id][i];
        }
    }

    function _power(uint256[] memory ids, uint256 blockNumber) private view returns (uint256 power) {
        for (uint256 i = 0; i < ids.length; ++i) {
            (, uint64 each) = pool.seatAt(ids[i], blockNumber);
            power += each;
        }
    }

    function _allSeated(uint256[] memory ids, uint256 blockNumber) private view returns (bool) {
        for (uint256 i = 0; i < ids.length; ++i) {
            (, uint64 each) = pool.seatAt(ids[i], blockNumber);
            if (each == 0) return false;
        }
        return true;
    }

    function _submit(Made memory made, bool must, uint64 stakeBlock) private {
        uint64 before = inbox.lastBlock();
        vm.prank(submitter, submitter);
        try inbox.submitBatch(made.first, made.last, made.header, made.data, made.ids, made.signatures) {
            if (!must) _note("accepted what must be refused");
            if (made.first != before + 1 || inbox.lastBlock() != made.last) _note("a gap or an overlap");
            if (stakeBlock < lastStakeBlock) _note("the stake block went back");
            lastStakeBlock = stakeBlock;
            ++accepted;
        } catch {
            if (must) _note("refused what must be accepted");
            if (inbox.lastBlock() != before) _note("moved by what was refused");
            ++refused;
        }
    }

    function _note(string memory what) private {
        if (bytes(fault).length == 0) fault = what;
    }
}
