// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {IERC7913SignatureVerifier} from "@openzeppelin/contracts/interfaces/IERC7913.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {Attestations} from "../src/Attestations.sol";
import {Answer, ConsentRegistry, Grantee, GrantName, Question} from "../src/ConsentRegistry.sol";
import {GrantWord, Scope} from "../src/GrantWord.sol";
import {SubjectControl} from "../src/SubjectControl.sol";
import {Fixture} from "./Fixture.sol";
import {vm} from "./Vm.sol";

/// @dev A contract wallet that accepts what its one owner signed.
contract Wallet is IERC1271 {
    bytes32 public accepted;

    function accept(bytes32 digest) external {
        accepted = digest;
    }

    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        return digest == accepted ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }
}

/// @dev Stands in for a passkey verifier: a signature is good when it repeats the key and the digest.
contract EchoVerifier is IERC7913SignatureVerifier {
    function verify(bytes calldata key, bytes32 digest, bytes calldata signature) external pure returns (bytes4) {
        bool good = keccak256(signature) == keccak256(abi.encodePacked(key, digest));
        return good ? IERC7913SignatureVerifier.verify.selector : bytes4(0xffffffff);
    }
}

contract ConsentRegistryTest is Fixture {
    function setUp() public {
        _prepare();
    }

    function test_a_permit_permits_and_its_revocation_ends_it() public {
        bytes32 id = granted(1, 0, anyScope());
        require(registry.check(ask(), one(nameOf(1))) == Answer.Permit);
        vm.prank(patient);
        registry.revoke(SUBJECT, id);
        require(registry.check(ask(), one(nameOf(1))) == Answer.None);
    }

    function test_a_stranger_can_neither_grant_nor_revoke() public {
        bytes32 id = granted(1, 0, anyScope());
        vm.expectRevert(SubjectControl.NotAuthorised.selector);
        registry.grant(nameOf(2), 0, anyScope());
        vm.expectRevert(SubjectControl.NotAuthorised.selector);
        registry.revoke(SUBJECT, id);
    }

    function test_nobody_speaks_for_an_unbound_subject() public {
        GrantName memory name = nameOf(1);
        name.subject = keccak256("unbound");
        vm.prank(address(0));
        vm.expectRevert(SubjectControl.NotAuthorised.selector);
        registry.grant(name, 0, anyScope());
    }

    function test_a_subject_is_bound_once_and_by_the_registrar_only() public {
        vm.expectRevert(SubjectControl.AlreadyBound.selector);
        registry.registerSubject(SUBJECT, address(this));
        vm.prank(patient);
        vm.expectRevert();
        registry.registerSubject(keccak256("other"), patient);
    }

    function testFuzz_a_signed_grant_is_taken_once(uint64 nonce, uint40 deadline) public {
        vm.assume(deadline >= block.timestamp);
        (bytes memory signer, bytes memory sig) =
            signedBy(PATIENT_KEY, grantHash(nameOf(nonce), 0, anyScope(), deadline));
        bytes32 id = registry.grantBySig(nameOf(nonce), 0, anyScope(), deadline, signer, sig);
        vm.expectRevert(ConsentRegistry.GrantExists.selector);
        registry.grantBySig(nameOf(nonce), 0, anyScope(), deadline, signer, sig);
        vm.prank(patient);
        registry.revoke(SUBJECT, id);
        vm.expectRevert(ConsentRegistry.GrantExists.selector);
        registry.grantBySig(nameOf(nonce), 0, anyScope(), deadline, signer, sig);
    }

    function test_a_signed_grant_is_refused_after_its_deadline() public {
        uint40 deadline = uint40(block.timestamp + 10);
        (bytes memory signer, bytes memory sig) = signedBy(PATIENT_KEY, grantHash(nameOf(1), 0, anyScope(), deadline));
        vm.warp(deadline + 1);
        vm.expectRevert(SubjectControl.SignatureExpired.selector);
        registry.grantBySig(nameOf(1), 0, anyScope(), deadline, signer, sig);
    }

    function testFuzz_a_changed_field_breaks_the_signature(uint8 field, uint8 bit) public {
        (bytes memory signer, bytes memory sig) = signedBy(PATIENT_KEY, grantHash(nameOf(1), 0, anyScope(), FAR));
        GrantName memory name = nameOf(1);
        Scope memory s = anyScope();
        uint8 effect = 0;
        uint40 deadline = FAR;
        field = field % 12;
        if (field == 0) name.grantee = bytes32(uint256(name.grantee) ^ (1 << bit));
        if (field == 1) name.terms = bytes32(uint256(name.terms) ^ (1 << bit));
        if (field == 2) name.nonce ^= uint64(1) << (bit % 64);
        if (field == 3) name.granteeKind = 0;
        if (field == 4) effect = 1;
        if (field == 5) s.actions ^= uint8(1) << (bit % 8);
        if (field == 6) s.purposes ^= uint16(1) << (bit % 15);
        if (field == 7) s.classes ^= uint32(1) << (bit % 25);
        if (field == 8) s.labels ^= uint16(1) << (bit % 13);
        if (field == 9) s.conditions ^= uint8(1) << (bit % 4);
        if (field == 10) s.dataFrom = 1;
        if (field == 11) deadline -= 1;
        vm.expectRevert(SubjectControl.BadSignature.selector);
        registry.grantBySig(name, effect, s, deadline, signer, sig);
    }

    function test_a_grant_revoked_before_it_arrives_never_arrives() public {
        bytes32 id = registry.idOf(nameOf(1));
        vm.prank(patient);
        registry.revoke(SUBJECT, id);
        (bytes memory signer, bytes memory sig) = signedBy(PATIENT_KEY, grantHash(nameOf(1), 0, anyScope(), FAR));
        vm.expectRevert(ConsentRegistry.GrantExists.selector);
        registry.grantBySig(nameOf(1), 0, anyScope(), FAR, signer, sig);
    }

    function test_a_signed_revocation_can_be_repeated_and_changes_nothing_twice() public {
        bytes32 id = granted(1, 1, anyScope());
        (bytes memory signer, bytes memory sig) = signedBy(PATIENT_KEY, revokeHash(SUBJECT, id));
        registry.revokeBySig(SUBJECT, id, signer, sig);
        bytes32 acc = registry.accumulator();
        registry.revokeBySig(SUBJECT, id, signer, sig);
        require(registry.accumulator() == acc && registry.subjectOf(SUBJECT).standingDenies == 0);
    }

    function test_pausing_stops_what_opens_and_nothing_that_closes() public {
        Scope memory scope = anyScope();
        scope.conditions = 1;
        bytes32 id = granted(1, 0, scope);
        bytes32 second = granted(2, 0, anyScope());
        registry.attest(id, 0, FAR, bytes32(0));
        registry.pause();
        vm.prank(patient);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        registry.grant(nameOf(3), 0, anyScope());
        vm.expectRevert(Pausable.EnforcedPause.selector);
        registry.attest(id, 0, FAR, bytes32(0));
        registry.withdraw(id, 0);
        scope = anyScope();
        scope.until = uint40(block.timestamp + 1);
        vm.prank(patient);
        registry.narrow(SUBJECT, second, scope);
        vm.prank(patient);
        registry.revoke(SUBJECT, id);
        (bytes memory signer, bytes memory sig) = signedBy(PATIENT_KEY, revokeHash(SUBJECT, second));
        registry.revokeBySig(SUBJECT, second, signer, sig);
        require(registry.check(ask(), two(nameOf(1), nameOf(2))) == Answer.None);
    }

    function test_a_deny_beats_a_permit_and_cannot_be_left_out() public {
        granted(1, 0, anyScope());
        granted(2, 1, anyScope());
        require(registry.check(ask(), two(nameOf(1), nameOf(2))) == Answer.Deny);
        vm.expectRevert(ConsentRegistry.DeniesMissing.selector);
        registry.check(ask(), one(nameOf(1)));
        GrantName[] memory twice = new GrantName[](2);
        (twice[0], twice[1]) = (nameOf(2), nameOf(2));
        vm.expectRevert(ConsentRegistry.DeniesMissing.selector);
        registry.check(ask(), twice);
    }

    function testFuzz_a_grant_permits_inside_its_period_only(uint40 from, uint40 until, uint40 time) public {
        vm.assume(until > from && until > block.timestamp && time >= block.timestamp);
        Scope memory scope = anyScope();
        (scope.from, scope.until) = (from, until);
        granted(1, 0, scope);
        vm.warp(time);
        Answer answer = registry.check(ask(), one(nameOf(1)));
        require((answer == Answer.Permit) == (time >= from && time < until));
    }

    function testFuzz_narrowing_never_opens(Scope memory wide, Scope memory slim, Question memory q) public {
        _tame(wide);
        _tame(slim);
        q.subject = SUBJECT;
        q.actor = new Grantee[](1);
        q.actor[0] = Grantee(1, CLINIC);
        (q.action, q.purpose) = (q.action % 8, q.purpose % 15);
        bytes32 id = granted(1, 0, wide);
        Answer before = registry.check(q, one(nameOf(1)));
        vm.prank(patient);
        try registry.narrow(SUBJECT, id, slim) {
            require(before == Answer.Permit || registry.check(q, one(nameOf(1))) != Answer.Permit);
        } catch {}
    }

    function testFuzz_narrowing_to_part_of_each_bitmap_is_taken(Scope memory wide, uint256 mask) public {
        _tame(wide);
        bytes32 id = granted(1, 0, wide);
        Scope memory slim = wide;
        if (uint8(wide.actions & mask) != 0) slim.actions = uint8(wide.actions & mask);
        if (uint16(wide.purposes & mask) != 0) slim.purposes = uint16(wide.purposes & mask);
        if (uint32(wide.classes & mask) != 0) slim.classes = uint32(wide.classes & mask);
        slim.labels = uint16(wide.labels & mask);
        slim.conditions = 15;
        vm.prank(patient);
        registry.narrow(SUBJECT, id, slim);
        require(registry.wordOf(SUBJECT, id) & 0xff == (GrantWord.ACTIVE | (1 << 3)));
    }

    function test_a_deny_cannot_be_narrowed() public {
        bytes32 id = granted(1, 1, anyScope());
        vm.prank(patient);
        vm.expectRevert(GrantWord.NotNarrower.selector);
        registry.narrow(SUBJECT, id, anyScope());
    }

    function test_unknown_bits_are_refused() public {
        Scope memory scope = anyScope();
        scope.purposes = 1 << 15;
        vm.prank(patient);
        vm.expectRevert(GrantWord.UnknownBits.selector);
        registry.grant(nameOf(1), 0, scope);
        scope = anyScope();
        scope.conditions = 1;
        vm.prank(patient);
        vm.expectRevert(GrantWord.UnknownBits.selector);
        registry.grant(nameOf(1), 1, scope);
        vm.prank(patient);
        vm.expectRevert(GrantWord.UnknownBits.selector);
        registry.grant(nameOf(1), 2, anyScope());
    }

    function testFuzz_a_condition_opens_only_while_attested(uint40 until, uint40 time) public {
        vm.assume(until > block.timestamp && time >= block.timestamp);
        Scope memory scope = anyScope();
        scope.conditions = 1;
        bytes32 id = granted(1, 0, scope);
        require(registry.check(ask(), one(nameOf(1))) == Answer.None);
        registry.attest(id, 0, until, keccak256("order"));
        vm.warp(time);
        require((registry.check(ask(), one(nameOf(1))) == Answer.Permit) == (time < until));
        registry.withdraw(id, 0);
        require(registry.check(ask(), one(nameOf(1))) == Answer.None);
    }

    function test_only_holders_of_the_role_attest_and_withdraw() public {
        bytes32 id = granted(1, 0, anyScope());
        registry.setAttester(patient, 2);
        vm.prank(patient);
        registry.attest(id, 1, FAR, bytes32(0));
        vm.prank(patient);
        vm.expectRevert(Attestations.NotAttester.selector);
        registry.attest(id, 0, FAR, bytes32(0));
        registry.attest(id, 0, FAR, bytes32(0));
        vm.prank(patient);
        vm.expectRevert(Attestations.NotAttester.selector);
        registry.withdraw(id, 0);
    }

    function test_a_delegate_acts_until_its_day_and_within_its_rights() public {
        address carer = address(0xCA);
        uint40 until = uint40(block.timestamp + 100);
        vm.prank(patient);
        registry.setDelegate(SUBJECT, carer, 1, until);
        vm.prank(carer);
        bytes32 id = registry.grant(nameOf(1), 0, anyScope());
        vm.prank(carer);
        vm.expectRevert(SubjectControl.NotAuthorised.selector);
        registry.revoke(SUBJECT, id);
        vm.warp(until);
        vm.prank(carer);
        vm.expectRevert(SubjectControl.NotAuthorised.selector);
        registry.grant(nameOf(2), 0, anyScope());
    }

    function testFuzz_a_guardian_hands_on_no_more_than_it_has(uint8 own, uint8 handed, uint40 until) public {
        own = own % 16;
        handed = handed % 16;
        uint40 end = uint40(block.timestamp + 1000);
        vm.prank(patient);
        registry.setDelegate(SUBJECT, address(0xA), own, end);
        vm.prank(address(0xA));
        try registry.setDelegate(SUBJECT, address(0xB), handed, until) {
            require(own & 4 != 0 && handed & ~own == 0 && until <= end);
        } catch {
            require(own & 4 == 0 || handed & ~own != 0 || until > end);
        }
    }

    function test_after_a_rebind_the_old_key_is_powerless() public {
        address next = address(0xBEEF);
        bytes32 message = keccak256(
            abi.encode(
                keccak256("Rebind(bytes32 subject,address controller,uint64 nonce,uint40 deadline)"),
                SUBJECT,
                next,
                uint64(0),
                FAR
            )
        );
        (bytes memory signer, bytes memory sig) = signedBy(PATIENT_KEY, message);
        registry.rebindBySig(SUBJECT, next, 0, FAR, signer, sig);
        vm.prank(patient);
        vm.expectRevert(SubjectControl.NotAuthorised.selector);
        registry.grant(nameOf(1), 0, anyScope());
        vm.expectRevert(SubjectControl.NonceUsed.selector);
        registry.rebindBySig(SUBJECT, next, 0, FAR, signer, sig);
    }

    function test_a_contract_wallet_signs_by_erc1271() public {
        Wallet wallet = new Wallet();
        GrantName memory name = nameOf(1);
        name.subject = keccak256("wallet");
        registry.registerSubject(name.subject, address(wallet));
        wallet.accept(digestOf(grantHash(name, 0, anyScope(), FAR)));
        registry.grantBySig(name, 0, anyScope(), FAR, abi.encodePacked(address(wallet)), "");
        name.nonce = 2;
        vm.expectRevert(SubjectControl.BadSignature.selector);
        registry.grantBySig(name, 0, anyScope(), FAR, abi.encodePacked(address(wallet)), "");
    }

    function test_a_key_without_an_account_signs_by_erc7913() public {
        bytes memory signer = abi.encodePacked(address(new EchoVerifier()), keccak256("x"), keccak256("y"));
        GrantName memory name = nameOf(1);
        name.subject = keccak256("passkey");
        registry.registerSubject(name.subject, address(uint160(uint256(keccak256(signer)))));
        bytes memory sig =
            abi.encodePacked(keccak256("x"), keccak256("y"), digestOf(grantHash(name, 0, anyScope(), FAR)));
        registry.grantBySig(name, 0, anyScope(), FAR, signer, sig);
        bytes memory other = abi.encodePacked(address(new EchoVerifier()), keccak256("x"), keccak256("y"));
        name.nonce = 2;
        sig = abi.encodePacked(keccak256("x"), keccak256("y"), digestOf(grantHash(name, 0, anyScope(), FAR)));
        vm.expectRevert(SubjectControl.NotAuthorised.selector);
        registry.grantBySig(name, 0, anyScope(), FAR, other, sig);
    }

    function test_one_bad_call_in_a_batch_leaves_the_others() public {
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(registry.revoke, (keccak256("not mine"), bytes32(uint256(1))));
        calls[1] = abi.encodeCall(registry.grant, (nameOf(1), 0, anyScope()));
        vm.prank(patient);
        bool[] memory done = registry.batch(calls);
        require(!done[0] && done[1]);
        require(registry.check(ask(), one(nameOf(1))) == Answer.Permit);
    }

    function _tame(Scope memory s) private view {
        s.purposes &= (1 << 15) - 1;
        s.classes &= (1 << 25) - 1;
        s.labels &= (1 << 13) - 1;
        s.conditions = 0;
        if (s.until <= s.from || s.until <= block.timestamp) s.until = 0;
        if (s.dataUntil <= s.dataFrom) s.dataUntil = 0;
    }
}
