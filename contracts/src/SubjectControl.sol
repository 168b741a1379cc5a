// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {EventAccumulator} from "./EventAccumulator.sol";

/// @title Who may speak for a subject.
/// @notice A subject is a keyed pseudonym. Its controller is bound once by the registrar, who has proved the patient's
/// identity; from then on only the controller, or those it named, can act for the subject. The registrar cannot.
/// @dev A controller is 20 bytes: an account, a contract wallet (ERC-1271), or the last 20 bytes of the keccak256 of an
/// ERC-7913 signer (verifier and key), so that a passkey needs no account.
abstract contract SubjectControl is EventAccumulator, AccessManaged, EIP712 {
    struct Subject {
        address controller;
        uint32 standingDenies;
        uint64 nonce;
    }

    struct Delegation {
        uint8 rights;
        uint40 until;
    }

    /// Rights of a delegate, as bits. A guardian holds all of them, until the day it was named for.
    uint8 public constant RIGHT_GRANT = 1;
    uint8 public constant RIGHT_WITHDRAW = 2;
    uint8 public constant RIGHT_DELEGATE = 4;
    uint8 public constant RIGHT_REBIND = 8;
    uint8 private constant ALL_RIGHTS = 15;

    bytes32 private constant DELEGATE_TYPEHASH = keccak256(
        "Delegate(bytes32 subject,address delegate,uint8 rights,uint40 until,uint64 nonce,uint40 deadline)"
    );
    bytes32 private constant REBIND_TYPEHASH =
        keccak256("Rebind(bytes32 subject,address controller,uint64 nonce,uint40 deadline)");

    event Bound(bytes32 indexed subject, address indexed controller);
    event Delegated(bytes32 indexed subject, address indexed delegate, uint8 rights, uint40 until);

    error AlreadyBound();
    error NotAuthorised();
    error BadSignature();
    error SignatureExpired();
    error NonceUsed();
    error ZeroController();
    error RightsExceeded();

    mapping(bytes32 subject => Subject) internal _subjects;
    mapping(bytes32 subject => mapping(address actor => Delegation)) private _delegations;

    function subjectOf(bytes32 subject) external view returns (Subject memory) {
        return _subjects[subject];
    }

    function delegationOf(bytes32 subject, address delegate) external view returns (Delegation memory) {
        return _delegations[subject][delegate];
    }

    /// @notice Binds a new subject to its controller. Only the registrar; once.
    function registerSubject(bytes32 subject, address controller) external restricted {
        if (_subjects[subject].controller != address(0)) revert AlreadyBound();
        _bind(subject, controller);
    }

    /// @notice Moves the subject to another key, as after the loss of a device.
    function rebind(bytes32 subject, address controller) external {
        _authorise(subject, msg.sender, RIGHT_REBIND);
        _bind(subject, controller);
    }

    function rebindBySig(
        bytes32 subject,
        address controller,
        uint64 nonce,
        uint40 deadline,
        bytes calldata signer,
        bytes calldata signature
    ) external {
        _useNonce(subject, nonce, deadline);
        bytes32 message = keccak256(abi.encode(REBIND_TYPEHASH, subject, controller, nonce, deadline));
        _authorise(subject, _signerOf(message, signer, signature), RIGHT_REBIND);
        _bind(subject, controller);
    }

    /// @notice Names a delegate or guardian, changes its rights, or with `rights` 0 ends it.
    function setDelegate(bytes32 subject, address delegate, uint8 rights, uint40 until) external {
        _delegate(subject, msg.sender, delegate, rights, until);
    }

    function setDelegateBySig(
        bytes32 subject,
        address delegate,
        uint8 rights,
        uint40 until,
        uint64 nonce,
        uint40 deadline,
        bytes calldata signer,
        bytes calldata signature
    ) external {
        _useNonce(subject, nonce, deadline);
        bytes32 message = keccak256(abi.encode(DELEGATE_TYPEHASH, subject, delegate, rights, until, nonce, deadline));
        _delegate(subject, _signerOf(message, signer, signature), delegate, rights, until);
    }

    /// @dev The actor whose signature stands under the message, or a revert.
    function _signerOf(bytes32 message, bytes calldata signer, bytes calldata signature)
        internal
        view
        returns (address)
    {
        bytes32 digest = _hashTypedDataV4(message);
        if (signer.length == 20) {
            address account = address(bytes20(signer));
            if (!SignatureChecker.isValidSignatureNowCalldata(account, digest, signature)) revert BadSignature();
            return account;
        }
        if (!SignatureChecker.isValidSignatureNow(signer, digest, signature)) revert BadSignature();
        return address(uint160(uint256(keccak256(signer))));
    }

    function _authorise(bytes32 subject, address actor, uint8 right) internal view {
        if (_subjects[subject].controller == actor && actor != address(0)) return;
        Delegation storage d = _delegations[subject][actor];
        if (d.rights & right == 0 || d.until <= block.timestamp) revert NotAuthorised();
    }

    function _delegate(bytes32 subject, address actor, address delegate, uint8 rights, uint40 until) private {
        if (rights > ALL_RIGHTS) revert RightsExceeded();
        if (_subjects[subject].controller != actor || actor == address(0)) {
            // Whoever acts by delegation hands on no more than it holds, and no longer.
            Delegation storage own = _delegations[subject][actor];
            if (own.rights & RIGHT_DELEGATE == 0 || own.until <= block.timestamp) revert NotAuthorised();
            if (rights & ~own.rights != 0 || until > own.until) revert RightsExceeded();
        }
        _delegations[subject][delegate] = Delegation(rights, until);
        emit Delegated(subject, delegate, rights, until);
        _fold(abi.encode(Delegated.selector, subject, delegate, rights, until));
    }

    function _bind(bytes32 subject, address controller) private {
        if (controller == address(0)) revert ZeroController();
        _subjects[subject].controller = controller;
        emit Bound(subject, controller);
        _fold(abi.encode(Bound.selector, subject, controller));
    }

    function _useNonce(bytes32 subject, uint64 nonce, uint40 deadline) private {
        if (deadline < block.timestamp) revert SignatureExpired();
        if (_subjects[subject].nonce != nonce) revert NonceUsed();
        unchecked {
            _subjects[subject].nonce = nonce + 1;
        }
    }
}
