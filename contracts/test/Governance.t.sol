// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Authority} from "../src/Authority.sol";
import {Directory} from "../src/Directory.sol";
import {IssuerRegistry} from "../src/IssuerRegistry.sol";
import {vm} from "./Vm.sol";

contract GovernanceTest {
    Authority private _authority;
    Directory private _directory;
    IssuerRegistry private _issuers;
    address private constant PUBLISHER = address(0xB0B);
    bytes32 private constant NAME = keccak256("ConsentRegistry");

    function setUp() public {
        vm.warp(1_700_000_000);
        _authority = new Authority(address(this));
        _directory = new Directory(address(_authority));
        _issuers = new IssuerRegistry(address(_authority));
        bytes4[] memory publish = new bytes4[](1);
        publish[0] = Directory.publish.selector;
        _authority.setTargetFunctionRole(address(_directory), publish, 3);
        _authority.grantRole(3, PUBLISHER, 48 hours);
    }

    function test_a_new_version_is_seen_two_days_before_it_is_in_force() public {
        bytes memory call = abi.encodeCall(_directory.publish, (NAME, address(_issuers)));
        vm.prank(PUBLISHER);
        vm.expectRevert();
        _directory.publish(NAME, address(_issuers));
        vm.prank(PUBLISHER);
        _authority.schedule(address(_directory), call, 0);
        vm.warp(block.timestamp + 47 hours);
        vm.prank(PUBLISHER);
        vm.expectRevert();
        _authority.execute(address(_directory), call);
        vm.warp(block.timestamp + 1 hours);
        vm.prank(PUBLISHER);
        _authority.execute(address(_directory), call);
        (uint256 version, Directory.Entry memory entry) = _directory.latest(NAME);
        require(version == 1 && entry.target == address(_issuers) && entry.codeHash == address(_issuers).codehash);
    }

    function test_old_versions_stay_readable() public {
        _authority.grantRole(3, address(this), 0);
        _directory.publish(NAME, address(_issuers));
        _directory.publish(NAME, address(_authority));
        require(_directory.versionOf(NAME, 1).target == address(_issuers));
        require(_directory.versionOf(NAME, 2).target == address(_authority));
        vm.expectRevert(Directory.NotPublished.selector);
        _directory.versionOf(NAME, 3);
        vm.expectRevert(Directory.NoCode.selector);
        _directory.publish(NAME, address(0xDEAD));
    }

    function testFuzz_a_key_is_trusted_until_its_date_or_until_it_is_distrusted(bytes32 key, uint40 until) public {
        vm.assume(until > block.timestamp);
        bytes32 issuer = keccak256("https://university.example");
        bytes32 before = _issuers.accumulator();
        _issuers.trust(issuer, key, until);
        require(_issuers.trustedUntil(issuer, key) == until);
        bytes32 folded = sha256(abi.encode(before, IssuerRegistry.Trusted.selector, issuer, key, until));
        require(_issuers.accumulator() == folded);
        _issuers.distrust(issuer, key);
        require(_issuers.trustedUntil(issuer, key) == 0);
        vm.prank(PUBLISHER);
        vm.expectRevert();
        _issuers.trust(issuer, key, until);
    }
}
