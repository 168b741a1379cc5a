// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {Attestations} from "./Attestations.sol";
import {EventAccumulator} from "./EventAccumulator.sol";
import {GrantWord, Scope} from "./GrantWord.sol";

/// @notice The parts of a grant that name it, and never change.
struct GrantName {
    bytes32 subject;
    uint8 granteeKind;
    bytes32 grantee;
    /// Salted commitment to the full FHIR Consent.
    bytes32 terms;
    uint64 nonce;
}

struct Grantee {
    uint8 kind;
    bytes32 key;
}

/// @notice Whether somebody may do something, asked with every grant that could matter.
struct Question {
    bytes32 subject;
    /// Who asks: the person, its organisations, roles, care teams, studies, app.
    Grantee[] actor;
    /// Bit numbers.
    uint8 action;
    uint8 purpose;
    /// Bitmaps of what the data is.
    uint32 classes;
    uint16 labels;
    /// The data's own dates, both inclusive; 0 and 0 when it has none.
    uint40 dataFrom;
    uint40 dataTo;
}

enum Answer {
    None,
    Permit,
    Deny
}

/// @title Consent that patients give, narrow and withdraw by their own signature.
/// @notice There is no proxy and no owner who could change a grant. Pausing stops what opens and never what closes.
/// @dev A grant is one storage word (see GrantWord) under its subject and id. The id binds subject, grantee, terms and
/// nonce and is spent for ever once used, so a signed grant cannot be replayed, not even after its revocation.
contract ConsentRegistry is EventAccumulator, Attestations, Pausable {
    using GrantWord for uint256;

    bytes32 private constant SCOPE_TYPEHASH = keccak256(
        "Scope(uint8 actions,uint16 purposes,uint32 classes,uint16 labels,uint8 conditions,uint40 from,uint40 until,uint40 dataFrom,uint40 dataUntil)"
    );
    bytes32 private constant GRANT_TYPEHASH = keccak256(
        "Grant(GrantName name,uint8 effect,Scope scope,uint40 deadline)GrantName(bytes32 subject,uint8 granteeKind,bytes32 grantee,bytes32 terms,uint64 nonce)Scope(uint8 actions,uint16 purposes,uint32 classes,uint16 labels,uint8 conditions,uint40 from,uint40 until,uint40 dataFrom,uint40 dataUntil)"
    );
    bytes32 private constant NAME_TYPEHASH = keccak256(
        "GrantName(bytes32 subject,uint8 granteeKind,bytes32 grantee,bytes32 terms,uint64 nonce)"
    );
    bytes32 private constant NARROW_TYPEHASH = keccak256(
        "Narrow(bytes32 subject,bytes32 grant,Scope scope)Scope(uint8 actions,uint16 purposes,uint32 classes,uint16 labels,uint8 conditions,uint40 from,uint40 until,uint40 dataFrom,uint40 dataUntil)"
    );
    bytes32 private constant REVOKE_TYPEHASH = keccak256("Revoke(bytes32 subject,bytes32 grant)");

    /// The label that forbids emergency access says nothing about consent.
    uint16 private constant NO_OVERRIDE = 1 << 12;

    /// @param word The grant as GrantWord lays it out.
    event Granted(
        bytes32 indexed id, bytes32 indexed subject, bytes32 indexed grantee, uint256 word, bytes32 terms
    );
    event Narrowed(bytes32 indexed id, bytes32 indexed subject, uint256 word);
    event Revoked(bytes32 indexed id, bytes32 indexed subject);

    error GrantExists();
    error NotActive();
    error OverBeforeItBegins();
    error DeniesMissing();

    mapping(bytes32 subject => mapping(bytes32 id => uint256 word)) private _grants;

    constructor(address authority) AccessManaged(authority) EIP712("Consentry", "1") {}

    /// @notice Stops grants and attestations. Narrowing, revoking and withdrawing go on.
    function pause() external restricted {
        _pause();
    }

    function unpause() external restricted {
        _unpause();
    }

    function grant(GrantName calldata name, uint8 effect, Scope calldata scope) external returns (bytes32 id) {
        _authorise(name.subject, msg.sender, RIGHT_GRANT);
        return _grant(name, effect, scope);
    }

    function grantBySig(
        GrantName calldata name,
        uint8 effect,
        Scope calldata scope,
        uint40 deadline,
        bytes calldata signer,
        bytes calldata signature
    ) external returns (bytes32 id) {
        if (deadline < block.timestamp) revert SignatureExpired();
        bytes32 message = keccak256(
            abi.encode(
                GRANT_TYPEHASH,
                keccak256(abi.encode(NAME_TYPEHASH, name)),
                effect,
                keccak256(abi.encode(SCOPE_TYPEHASH, scope)),
                deadline
            )
        );
        _authorise(name.subject, _signerOf(message, signer, signature), RIGHT_GRANT);
        return _grant(name, effect, scope);
    }

    /// @notice Replaces the scope of a permit by one that lies within it.
    function narrow(bytes32 subject, bytes32 id, Scope calldata scope) external {
        _authorise(subject, msg.sender, RIGHT_WITHDRAW);
        _narrow(subject, id, scope);
    }

    /// @dev Needs no nonce: an old message can only be refused, or narrow to what was already narrowed to.
    function narrowBySig(
        bytes32 subject,
        bytes32 id,
        Scope calldata scope,
        bytes calldata signer,
        bytes calldata signature
    ) external {
        bytes32 message =
            keccak256(abi.encode(NARROW_TYPEHASH, subject, id, keccak256(abi.encode(SCOPE_TYPEHASH, scope))));
        _authorise(subject, _signerOf(message, signer, signature), RIGHT_WITHDRAW);
        _narrow(subject, id, scope);
    }

    /// @notice Ends a grant for ever. An id not seen yet is spent too, so a signed grant still on its way cannot land.
    function revoke(bytes32 subject, bytes32 id) external {
        _authorise(subject, msg.sender, RIGHT_WITHDRAW);
        _revoke(subject, id);
    }

    /// @dev Neither nonce nor deadline: a withdrawal is final, so its replay changes nothing and it is never too late.
    function revokeBySig(bytes32 subject, bytes32 id, bytes calldata signer, bytes calldata signature) external {
        bytes32 message = keccak256(abi.encode(REVOKE_TYPEHASH, subject, id));
        _authorise(subject, _signerOf(message, signer, signature), RIGHT_WITHDRAW);
        _revoke(subject, id);
    }

    /// @notice Many calls in one transaction, each as if it came from the sender. One that fails leaves the others
    /// standing, so that no single bad grant can hold up a batch.
    function batch(bytes[] calldata calls) external returns (bool[] memory done) {
        done = new bool[](calls.length);
        for (uint256 i = 0; i < calls.length; ++i) {
            (done[i],) = address(this).delegatecall(calls[i]);
        }
    }

    function idOf(GrantName calldata name) public pure returns (bytes32) {
        return keccak256(abi.encode(name));
    }

    function wordOf(bytes32 subject, bytes32 id) external view returns (uint256) {
        return _grants[subject][id];
    }

    /// @notice Decides from the given grants of the subject. All its standing denies must be among them: a caller cannot
    /// get a permit by leaving one out.
    /// @param names Distinct, in ascending order of their ids.
    function check(Question calldata q, GrantName[] calldata names) external view returns (Answer answer) {
        bytes32 last = bytes32(0);
        uint256 denies = 0;
        for (uint256 i = 0; i < names.length; ++i) {
            bytes32 id = idOf(names[i]);
            if (id <= last) revert DeniesMissing();
            last = id;
            uint256 word = _grants[q.subject][id];
            if (word.status() != GrantWord.ACTIVE) continue;
            if (word.isDeny()) ++denies;
            if (answer == Answer.Deny || !_isOneOf(names[i], q.actor) || !_covers(word, id, q)) continue;
            answer = word.isDeny() ? Answer.Deny : Answer.Permit;
        }
        if (denies != _subjects[q.subject].standingDenies) revert DeniesMissing();
    }

    function _grant(GrantName calldata name, uint8 effect, Scope calldata scope) private returns (bytes32 id) {
        _requireNotPaused();
        if (scope.until != 0 && scope.until <= block.timestamp) revert OverBeforeItBegins();
        id = idOf(name);
        if (_grants[name.subject][id] != 0) revert GrantExists();
        uint256 word = GrantWord.make(name.granteeKind, effect, scope);
        _grants[name.subject][id] = word;
        if (effect == 1) ++_subjects[name.subject].standingDenies;
        emit Granted(id, name.subject, name.grantee, word, name.terms);
        _fold(abi.encode(Granted.selector, id, name.subject, name.grantee, word, name.terms));
    }

    function _narrow(bytes32 subject, bytes32 id, Scope calldata scope) private {
        uint256 word = _grants[subject][id];
        if (word.status() != GrantWord.ACTIVE) revert NotActive();
        word = word.narrowed(scope);
        _grants[subject][id] = word;
        emit Narrowed(id, subject, word);
        _fold(abi.encode(Narrowed.selector, id, subject, word));
    }

    function _revoke(bytes32 subject, bytes32 id) private {
        uint256 word = _grants[subject][id];
        if (word.status() == GrantWord.REVOKED) return;
        if (word.isDeny()) --_subjects[subject].standingDenies;
        _grants[subject][id] = word.revoked();
        emit Revoked(id, subject);
        _fold(abi.encode(Revoked.selector, id, subject));
    }

    /// @dev A permit must cover all that the data is; a deny needs to touch any of it.
    function _covers(uint256 word, bytes32 id, Question calldata q) private view returns (bool) {
        Scope memory s = word.scope();
        if (block.timestamp < s.from || (s.until != 0 && block.timestamp >= s.until)) return false;
        if (!_has(s.actions, q.action) || !_has(s.purposes, q.purpose)) return false;
        bool undated = q.dataFrom == 0 && q.dataTo == 0;
        bool windowed = s.dataFrom != 0 || s.dataUntil != 0;
        if (word.isDeny()) {
            if (s.classes != 0 && s.classes & q.classes == 0) return false;
            if (s.labels != 0 && s.labels & q.labels == 0) return false;
            return !windowed || undated || (q.dataTo >= s.dataFrom && (s.dataUntil == 0 || q.dataFrom < s.dataUntil));
        }
        if (s.classes != 0 && q.classes & ~s.classes != 0) return false;
        if (q.labels & ~s.labels & ~NO_OVERRIDE != 0) return false;
        if (windowed && (undated || q.dataFrom < s.dataFrom || (s.dataUntil != 0 && q.dataTo >= s.dataUntil))) {
            return false;
        }
        for (uint8 c = 0; s.conditions >> c != 0; ++c) {
            if ((s.conditions >> c) & 1 == 1 && attestedUntil(id, c) <= block.timestamp) return false;
        }
        return true;
    }

    function _has(uint256 bitmap, uint8 bit) private pure returns (bool) {
        return bitmap == 0 || (bitmap >> bit) & 1 == 1;
    }

    function _isOneOf(GrantName calldata name, Grantee[] calldata actor) private pure returns (bool) {
        for (uint256 i = 0; i < actor.length; ++i) {
            if (actor[i].key == name.grantee && actor[i].kind == name.granteeKind) return true;
        }
        return false;
    }

    function _beforeWidening() internal view override {
        _requireNotPaused();
    }
}
