// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {Authority} from "../src/Authority.sol";
import {ConsentRegistry, Grantee, GrantName, Question} from "../src/ConsentRegistry.sol";
import {Scope} from "../src/GrantWord.sol";
import {vm} from "./Vm.sol";

/// @dev A registry, a patient with a key, and the typed data a wallet would sign, written out on its own so that the
/// contract's hashes are checked against a second reading of EIP-712.
abstract contract Fixture {
    AccessManager internal authority;
    ConsentRegistry internal registry;
    uint256 internal constant PATIENT_KEY = 0xA11CE;
    address internal patient;
    bytes32 internal constant SUBJECT = keccak256("subject");
    bytes32 internal constant CLINIC = keccak256("clinic");
    uint40 internal constant FAR = type(uint40).max;

    string private constant SCOPE =
        "Scope(uint8 actions,uint16 purposes,uint32 classes,uint16 labels,uint8 conditions,uint40 from,uint40 until,uint40 dataFrom,uint40 dataUntil)";
    string private constant NAME =
        "GrantName(bytes32 subject,uint8 granteeKind,bytes32 grantee,bytes32 terms,uint64 nonce)";

    function _prepare() internal {
        vm.warp(1_700_000_000);
        patient = vm.addr(PATIENT_KEY);
        authority = new Authority(address(this));
        registry = new ConsentRegistry(address(authority));
        registry.registerSubject(SUBJECT, patient);
        registry.setAttester(address(this), 15);
    }

    function nameOf(uint64 nonce) internal pure returns (GrantName memory) {
        return GrantName(SUBJECT, 1, CLINIC, keccak256("terms"), nonce);
    }

    function anyScope() internal pure returns (Scope memory s) {
        s.actions = 3;
        s.purposes = 1;
        s.classes = 1 << 6;
    }

    function granted(uint64 nonce, uint8 effect, Scope memory scope) internal returns (bytes32) {
        vm.prank(patient);
        return registry.grant(nameOf(nonce), effect, scope);
    }

    function ask() internal pure returns (Question memory q) {
        q.subject = SUBJECT;
        q.actor = new Grantee[](1);
        q.actor[0] = Grantee(1, CLINIC);
        q.classes = 1 << 6;
    }

    function one(GrantName memory a) internal pure returns (GrantName[] memory names) {
        names = new GrantName[](1);
        names[0] = a;
    }

    function two(GrantName memory a, GrantName memory b) internal view returns (GrantName[] memory names) {
        names = new GrantName[](2);
        (names[0], names[1]) = registry.idOf(a) < registry.idOf(b) ? (a, b) : (b, a);
    }

    function signedBy(uint256 key, bytes32 structHash) internal view returns (bytes memory signer, bytes memory sig) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digestOf(structHash));
        return (abi.encodePacked(vm.addr(key)), abi.encodePacked(r, s, v));
    }

    function digestOf(bytes32 structHash) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Consentry"),
                keccak256("1"),
                block.chainid,
                address(registry)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    function grantHash(GrantName memory name, uint8 effect, Scope memory scope, uint40 deadline)
        internal
        pure
        returns (bytes32)
    {
        bytes32 typeHash =
            keccak256(abi.encodePacked("Grant(GrantName name,uint8 effect,Scope scope,uint40 deadline)", NAME, SCOPE));
        return keccak256(abi.encode(typeHash, nameHash(name), effect, scopeHash(scope), deadline));
    }

    function revokeHash(bytes32 subject, bytes32 id) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("Revoke(bytes32 subject,bytes32 grant)"), subject, id));
    }

    function narrowHash(bytes32 subject, bytes32 id, Scope memory scope) internal pure returns (bytes32) {
        bytes32 typeHash = keccak256(abi.encodePacked("Narrow(bytes32 subject,bytes32 grant,Scope scope)", SCOPE));
        return keccak256(abi.encode(typeHash, subject, id, scopeHash(scope)));
    }

    function nameHash(GrantName memory name) private pure returns (bytes32) {
        return keccak256(abi.encode(keccak256(bytes(NAME)), name));
    }

    function scopeHash(Scope memory scope) private pure returns (bytes32) {
        return keccak256(abi.encode(keccak256(bytes(SCOPE)), scope));
    }
}
