// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Authority} from "../src/Authority.sol";
import {LedgerAnchor} from "../src/LedgerAnchor.sol";
import {vm} from "./Vm.sol";

/// @dev Trees and proofs by the recursive definitions of RFC 6962 section 2.1; the contract uses the iterative check of
/// RFC 9162, so the two readings test each other.
contract LedgerAnchorTest {
    LedgerAnchor private _anchor;
    bytes32 private constant ORIGIN = keccak256("log.example");
    bytes32[] private _leaves;
    bytes32[] private _proof;

    function setUp() public {
        _anchor = new LedgerAnchor(address(new Authority(address(this))));
        _anchor.setWriter(ORIGIN, address(this));
        for (uint256 i = 0; i < 300; ++i) _leaves.push(sha256(abi.encodePacked(uint8(0), i)));
    }

    function testFuzz_every_growth_with_its_proof_is_taken(uint256 a, uint256 b) public {
        uint256 size = 1 + a % 299;
        uint256 next = size + 1 + b % (300 - size);
        _put(size, _root(0, size), new bytes32[](0));
        _put(next, _root(0, next), _consistency(size, next));
        require(_anchor.latest(ORIGIN).size == next && _anchor.latest(ORIGIN).root == _root(0, next));
    }

    function test_all_small_sizes() public {
        for (uint64 size = 1; size < 18; ++size) {
            for (uint64 next = size + 1; next < 19; ++next) {
                bytes32 origin = keccak256(abi.encode(size, next));
                _anchor.setWriter(origin, address(this));
                _anchor.anchor(LedgerAnchor.Checkpoint(origin, size, _root(0, size), new bytes32[](0)));
                bytes32[] memory proof = _consistency(size, next);
                _anchor.anchor(LedgerAnchor.Checkpoint(origin, next, _root(0, next), proof));
            }
        }
    }

    function testFuzz_a_flipped_bit_is_refused(uint256 a, uint256 b, uint256 which, uint8 bit) public {
        uint256 size = 1 + a % 200;
        uint256 next = size + 1 + b % (300 - size);
        _put(size, _root(0, size), new bytes32[](0));
        bytes32[] memory proof = _consistency(size, next);
        bytes32 root = _root(0, next);
        which = which % (proof.length + 1);
        if (which == proof.length) root ^= bytes32(uint256(1) << bit);
        else proof[which] ^= bytes32(uint256(1) << bit);
        vm.expectRevert(LedgerAnchor.BadProof.selector);
        _anchor.anchor(LedgerAnchor.Checkpoint(ORIGIN, uint64(next), root, proof));
    }

    function testFuzz_a_rewritten_entry_is_refused(uint256 a, uint256 b, uint256 which) public {
        uint256 size = 2 + a % 200;
        uint256 next = size + 1 + b % (300 - size);
        _put(size, _root(0, size), new bytes32[](0));
        _leaves[which % size] = keccak256("rewritten");
        bytes32[] memory proof = _consistency(size, next);
        bytes32 root = _root(0, next);
        vm.expectRevert(LedgerAnchor.BadProof.selector);
        _anchor.anchor(LedgerAnchor.Checkpoint(ORIGIN, uint64(next), root, proof));
    }

    function testFuzz_a_proof_too_long_or_too_short_is_refused(uint256 a, uint256 b, bool longer) public {
        uint256 size = 1 + a % 200;
        uint256 next = size + 1 + b % (300 - size);
        _put(size, _root(0, size), new bytes32[](0));
        bytes32[] memory proof = _consistency(size, next);
        bytes32[] memory other = new bytes32[](longer ? proof.length + 1 : proof.length - 1);
        for (uint256 i = 0; i < other.length && i < proof.length; ++i) other[i] = proof[i];
        bytes32 root = _root(0, next);
        vm.expectRevert(LedgerAnchor.BadProof.selector);
        _anchor.anchor(LedgerAnchor.Checkpoint(ORIGIN, uint64(next), root, other));
    }

    function test_a_rollback_a_fork_a_stranger_and_a_foreign_origin_are_refused() public {
        _put(10, _root(0, 10), new bytes32[](0));
        (bytes32 first, bytes32 ninth, bytes32 eleventh) = (_root(0, 1), _root(0, 9), _root(0, 11));
        vm.expectRevert(LedgerAnchor.Rollback.selector);
        _anchor.anchor(LedgerAnchor.Checkpoint(ORIGIN, 9, ninth, new bytes32[](0)));
        vm.expectRevert(LedgerAnchor.Fork.selector);
        _anchor.anchor(LedgerAnchor.Checkpoint(ORIGIN, 10, keccak256("other"), new bytes32[](0)));
        vm.expectRevert(LedgerAnchor.UnknownOrigin.selector);
        _anchor.anchor(LedgerAnchor.Checkpoint(keccak256("foreign"), 1, first, new bytes32[](0)));
        bytes32[] memory proof = _consistency(10, 11);
        vm.prank(address(0xBAD));
        vm.expectRevert(LedgerAnchor.NotWriter.selector);
        _anchor.anchor(LedgerAnchor.Checkpoint(ORIGIN, 11, eleventh, proof));
    }

    function test_the_same_checkpoint_twice_changes_nothing() public {
        _put(10, _root(0, 10), new bytes32[](0));
        uint32 time = _anchor.latest(ORIGIN).time;
        vm.warp(block.timestamp + 100);
        _put(10, _root(0, 10), new bytes32[](0));
        require(_anchor.latest(ORIGIN).time == time);
    }

    function test_one_bad_checkpoint_refuses_the_cluster() public {
        bytes32 other = keccak256("other.example");
        _anchor.setWriter(other, address(this));
        _put(4, _root(0, 4), new bytes32[](0));
        LedgerAnchor.Checkpoint[] memory all = new LedgerAnchor.Checkpoint[](2);
        all[0] = LedgerAnchor.Checkpoint(other, 3, _root(0, 3), new bytes32[](0));
        all[1] = LedgerAnchor.Checkpoint(ORIGIN, 5, _root(0, 5), new bytes32[](0));
        vm.expectRevert(LedgerAnchor.BadProof.selector);
        _anchor.anchorAll(all);
        require(_anchor.latest(other).size == 0);
        all[1].proof = _consistency(4, 5);
        _anchor.anchorAll(all);
        require(_anchor.latest(other).size == 3 && _anchor.latest(ORIGIN).size == 5);
    }

    function test_the_writer_alone_opens_the_log_of_a_half_year() public {
        bytes32 next = keccak256("log.example/2027h1");
        LedgerAnchor.Checkpoint memory first =
            LedgerAnchor.Checkpoint(next, 3, _root(0, 3), new bytes32[](0));
        vm.expectRevert(LedgerAnchor.UnknownOrigin.selector);
        _anchor.anchor(first);
        vm.prank(address(0xBAD));
        vm.expectRevert(LedgerAnchor.NotWriter.selector);
        _anchor.openHalfYear("log.example", 2027, false);
        vm.expectRevert(LedgerAnchor.NotWriter.selector);
        _anchor.openHalfYear("other.example", 2027, false);
        _anchor.openHalfYear("log.example", 2027, false);
        _anchor.anchor(first);
        // Twice changes nothing.
        _anchor.openHalfYear("log.example", 2027, false);
        require(_anchor.latest(next).size == 3 && _anchor.latest(next).writer == address(this));
        require(_anchor.latest(keccak256("log.example/2027h2")).writer == address(0));
        _anchor.setWriter(keccak256("log.example/2027h2"), address(0xBEEF));
        vm.expectRevert(LedgerAnchor.NotWriter.selector);
        _anchor.openHalfYear("log.example", 2027, true);
    }

    function _put(uint256 size, bytes32 root, bytes32[] memory proof) private {
        _anchor.anchor(LedgerAnchor.Checkpoint(ORIGIN, uint64(size), root, proof));
    }

    function _root(uint256 from, uint256 to) private view returns (bytes32) {
        if (to - from == 1) return _leaves[from];
        uint256 k = _split(to - from);
        return sha256(abi.encodePacked(uint8(1), _root(from, from + k), _root(from + k, to)));
    }

    function _consistency(uint256 size, uint256 next) private returns (bytes32[] memory) {
        delete _proof;
        _subproof(size, 0, next, true);
        return _proof;
    }

    function _subproof(uint256 m, uint256 from, uint256 to, bool whole) private {
        if (m == to - from) {
            if (!whole) _proof.push(_root(from, to));
            return;
        }
        uint256 k = _split(to - from);
        if (m <= k) {
            _subproof(m, from, from + k, whole);
            _proof.push(_root(from + k, to));
        } else {
            _subproof(m - k, from + k, to, false);
            _proof.push(_root(from, from + k));
        }
    }

    function _split(uint256 n) private pure returns (uint256 k) {
        for (k = 1; k * 2 < n;) k *= 2;
    }
}
