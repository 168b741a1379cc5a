// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {GrantName} from "../src/ConsentRegistry.sol";
import {PasskeyVerifier} from "../src/PasskeyVerifier.sol";
import {SubjectControl} from "../src/SubjectControl.sol";
import {Fixture} from "./Fixture.sol";
import {vm} from "./Vm.sol";

contract PasskeyVerifierTest is Fixture {
    uint256 private constant KEY = 0xBEEF;
    bytes1 private constant PRESENT_AND_VERIFIED = 0x05;
    bytes private signer;

    function setUp() public {
        _prepare();
        (uint256 x, uint256 y) = vm.publicKeyP256(KEY);
        signer = abi.encodePacked(address(new PasskeyVerifier()), x, y);
        registry.registerSubject(keccak256("passkey"), address(uint160(uint256(keccak256(signer)))));
    }

    function test_a_passkey_grants_and_takes_back() public {
        bytes32 id = registry.grantBySig(
            name(), 0, anyScope(), FAR, signer, assertionOf(digestOf(grantHash(name(), 0, anyScope(), FAR)), PRESENT_AND_VERIFIED)
        );
        registry.revokeBySig(
            name().subject, id, signer, assertionOf(digestOf(revokeHash(name().subject, id)), PRESENT_AND_VERIFIED)
        );
    }

    function test_an_assertion_about_another_message_is_none() public {
        bytes memory other = assertionOf(digestOf(revokeHash(name().subject, keccak256("other"))), PRESENT_AND_VERIFIED);
        vm.expectRevert(SubjectControl.BadSignature.selector);
        registry.grantBySig(name(), 0, anyScope(), FAR, signer, other);
    }

    function test_a_user_who_is_not_verified_signs_nothing() public {
        bytes memory present = assertionOf(digestOf(grantHash(name(), 0, anyScope(), FAR)), 0x01);
        vm.expectRevert(SubjectControl.BadSignature.selector);
        registry.grantBySig(name(), 0, anyScope(), FAR, signer, present);
    }

    function test_random_bytes_are_no_assertion(bytes calldata noise) public {
        vm.expectRevert(SubjectControl.BadSignature.selector);
        registry.grantBySig(name(), 0, anyScope(), FAR, signer, noise);
    }

    function name() private pure returns (GrantName memory n) {
        n = nameOf(1);
        n.subject = keccak256("passkey");
    }

    function assertionOf(bytes32 digest, bytes1 flags) private pure returns (bytes memory) {
        bytes memory data = abi.encodePacked(sha256("gateway.example"), flags, uint32(7));
        string memory client = string.concat(
            '{"type":"webauthn.get","challenge":"',
            Base64.encodeURL(abi.encodePacked(digest)),
            '","origin":"https://gateway.example","crossOrigin":false}'
        );
        (bytes32 r, bytes32 s) = vm.signP256(KEY, sha256(abi.encodePacked(data, sha256(bytes(client)))));
        if (uint256(s) > P256.N / 2) s = bytes32(P256.N - uint256(s));
        return abi.encode(r, s, uint256(23), uint256(1), data, client);
    }
}
