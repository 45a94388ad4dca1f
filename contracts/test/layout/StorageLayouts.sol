// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochSettlement} from "../../src/l1/EpochSettlement.sol";
import {NetworkParameters} from "../../src/l1/NetworkParameters.sol";
import {SequencerInbox} from "../../src/l1/SequencerInbox.sol";
import {Slasher} from "../../src/l1/Slasher.sol";
import {SubmitterCredits} from "../../src/l1/inbox/SubmitterCredits.sol";
import {PoolStorage} from "../../src/l1/pool/PoolStorage.sol";

// The namespaces of the upgradeable contracts, each as a contract's ordinary storage, so that the compiler
// tells their layout. tools/storage-layouts compares it with contracts/storage-layouts.txt.

contract EpochSettlementLayout {
    EpochSettlement.Settlement internal settlement;
}

contract LockingPoolLayout {
    PoolStorage.Pool internal pool;
}

contract NetworkParametersLayout {
    NetworkParameters.Values internal values;
}

contract SequencerInboxLayout {
    SequencerInbox.Inbox internal inbox;
}

contract SlasherLayout {
    Slasher.Dock internal dock;
}

contract SubmitterCreditsLayout {
    SubmitterCredits.Credits internal credits;
}
