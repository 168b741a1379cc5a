// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Answer, ConsentRegistry, GrantName, Question} from "../src/ConsentRegistry.sol";
import {GrantWord, Scope} from "../src/GrantWord.sol";
import {Fixture} from "./Fixture.sol";
import {Vm, vm} from "./Vm.sol";

/// @dev Does what patients, delegates, attesters and the operator may do, in any order, and keeps its own book of it.
contract Actor is Fixture {
    bytes32[] public ids;
    GrantName[] public names;
    mapping(bytes32 id => bool) public isDeny;
    mapping(bytes32 id => bool) public isRevoked;
    mapping(bytes32 id => uint256) public timesGranted;
    mapping(bytes32 id => uint40) public until;
    bytes32 public fold;
    uint256 public revokedWhilePaused;
    bool public failed;
    bool private _paused;

    constructor() {
        _prepare();
        fold = registry.accumulator();
    }

    modifier followed() {
        vm.recordLogs();
        _;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].emitter != address(registry) || _isOpenZeppelin(logs[i].topics[0])) continue;
            bytes memory record;
            for (uint256 t = 0; t < logs[i].topics.length; ++t) record = bytes.concat(record, logs[i].topics[t]);
            fold = sha256(bytes.concat(fold, record, logs[i].data));
        }
    }

    function grant(uint64 nonce, bool deny, bool signed, uint40 period) external followed {
        nonce = nonce % 16;
        Scope memory scope = anyScope();
        if (period % 3 != 0) scope.until = uint40(block.timestamp) + 1 + (period % 500);
        GrantName memory name = nameOf(nonce);
        bytes32 id = registry.idOf(name);
        bool done;
        if (signed) {
            (bytes memory signer, bytes memory sig) = signedBy(PATIENT_KEY, grantHash(name, deny ? 1 : 0, scope, FAR));
            try registry.grantBySig(name, deny ? 1 : 0, scope, FAR, signer, sig) {
                done = true;
            } catch {}
        } else {
            vm.prank(patient);
            try registry.grant(name, deny ? 1 : 0, scope) {
                done = true;
            } catch {}
        }
        if (!done) return;
        ++timesGranted[id];
        isDeny[id] = deny;
        until[id] = scope.until;
        ids.push(id);
        names.push(name);
    }

    function revoke(uint256 which, bool signed) external followed {
        if (ids.length == 0) return;
        bytes32 id = ids[which % ids.length];
        if (signed) {
            (bytes memory signer, bytes memory sig) = signedBy(PATIENT_KEY, revokeHash(SUBJECT, id));
            try registry.revokeBySig(SUBJECT, id, signer, sig) {} catch { failed = true; }
        } else {
            vm.prank(patient);
            try registry.revoke(SUBJECT, id) {} catch { failed = true; }
        }
        if (!isRevoked[id] && _paused) ++revokedWhilePaused;
        isRevoked[id] = true;
    }

    function narrow(uint256 which, uint40 end) external followed {
        if (ids.length == 0) return;
        bytes32 id = ids[which % ids.length];
        Scope memory scope = anyScope();
        scope.actions = 1;
        scope.until = end;
        vm.prank(patient);
        try registry.narrow(SUBJECT, id, scope) {
            until[id] = end;
        } catch {}
    }

    function attest(uint256 which, uint8 condition, uint40 end) external followed {
        if (ids.length == 0) return;
        try registry.attest(ids[which % ids.length], condition % 5, end, bytes32(0)) {} catch {}
    }

    function withdraw(uint256 which, uint8 condition) external followed {
        if (ids.length == 0) return;
        registry.withdraw(ids[which % ids.length], condition % 4);
    }

    function delegate(address to, uint8 rights, uint40 end) external followed {
        vm.prank(patient);
        try registry.setDelegate(SUBJECT, to, rights, end) {} catch {}
    }

    function togglePause() external followed {
        if (_paused) registry.unpause();
        else registry.pause();
        _paused = !_paused;
    }

    function pass(uint16 time) external {
        vm.warp(block.timestamp + time);
    }

    function target() external view returns (ConsentRegistry) {
        return registry;
    }

    function count() external view returns (uint256) {
        return ids.length;
    }

    function subject() external pure returns (bytes32) {
        return SUBJECT;
    }

    function sorted() external view returns (GrantName[] memory list) {
        list = names;
        for (uint256 i = 1; i < list.length; ++i) {
            for (uint256 j = i; j > 0 && registry.idOf(list[j]) < registry.idOf(list[j - 1]); --j) {
                (list[j], list[j - 1]) = (list[j - 1], list[j]);
            }
        }
    }

    function question() external pure returns (Question memory) {
        return ask();
    }

    function _isOpenZeppelin(bytes32 topic) private pure returns (bool) {
        return topic == keccak256("Paused(address)") || topic == keccak256("Unpaused(address)");
    }
}

contract InvariantTest {
    Actor private _actor;

    function setUp() public {
        _actor = new Actor();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_actor);
    }

    function invariant_the_accumulator_is_the_fold_of_the_events() external view {
        require(_actor.fold() == _actor.target().accumulator());
    }

    function invariant_a_grant_id_is_used_once() external view {
        for (uint256 i = 0; i < _actor.count(); ++i) require(_actor.timesGranted(_actor.ids(i)) == 1);
    }

    function invariant_nothing_stops_a_revocation() external view {
        require(!_actor.failed());
        ConsentRegistry registry = _actor.target();
        for (uint256 i = 0; i < _actor.count(); ++i) {
            bytes32 id = _actor.ids(i);
            uint256 status = registry.wordOf(_actor.subject(), id) & 3;
            require((status == GrantWord.REVOKED) == _actor.isRevoked(id));
        }
    }

    function invariant_revoked_or_expired_never_permits_and_deny_beats_permit() external view {
        bool permit;
        bool deny;
        for (uint256 i = 0; i < _actor.count(); ++i) {
            bytes32 id = _actor.ids(i);
            uint40 end = _actor.until(id);
            if (_actor.isRevoked(id) || (end != 0 && end <= block.timestamp)) continue;
            if (_actor.isDeny(id)) deny = true;
            else permit = true;
        }
        Answer answer = _actor.target().check(_actor.question(), _actor.sorted());
        require(answer == (deny ? Answer.Deny : permit ? Answer.Permit : Answer.None));
    }
}
