// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SubjectControl} from "./SubjectControl.sol";

/// @title Facts that open the conditions of a grant: a referral, a credential, an open encounter, a second person.
/// @notice A fact expires by itself, so access ends without a transaction; it can be withdrawn before.
abstract contract Attestations is SubjectControl {
    struct Fact {
        address attester;
        uint40 until;
    }

    /// @param condition Bit number in the `conditions` of a grant.
    /// @param commitment Salted commitment to the evidence, such as a ServiceRequest.
    event Attested(
        bytes32 indexed grant, uint8 indexed condition, address indexed attester, uint40 until, bytes32 commitment
    );
    event AttestationWithdrawn(bytes32 indexed grant, uint8 indexed condition);
    event AttesterSet(address indexed attester, uint8 conditions);

    error NotAttester();
    error AlreadyExpired();
    error UnknownCondition();

    uint8 private constant CONDITION_COUNT = 4;

    mapping(address attester => uint8 conditions) public attesterConditions;
    mapping(bytes32 grant => mapping(uint8 condition => Fact)) private _facts;

    /// @notice Names the conditions an attester may open; 0 ends its role. What it attested before stands until it
    /// expires or is withdrawn.
    function setAttester(address attester, uint8 conditions) external restricted {
        if (conditions >> CONDITION_COUNT != 0) revert UnknownCondition();
        attesterConditions[attester] = conditions;
        emit AttesterSet(attester, conditions);
        _fold(abi.encode(AttesterSet.selector, attester, conditions));
    }

    /// @notice States that a condition of a grant holds until a time. The newest statement counts.
    function attest(bytes32 grantId, uint8 condition, uint40 until, bytes32 commitment) external {
        _beforeWidening();
        _onlyAttester(condition);
        if (until <= block.timestamp) revert AlreadyExpired();
        _facts[grantId][condition] = Fact(msg.sender, until);
        emit Attested(grantId, condition, msg.sender, until, commitment);
        _fold(abi.encode(Attested.selector, grantId, condition, msg.sender, until, commitment));
    }

    /// @notice Takes a fact back at once. Any holder of the role may, since another node may have seen the order end.
    function withdraw(bytes32 grantId, uint8 condition) external {
        if (_facts[grantId][condition].attester != msg.sender) _onlyAttester(condition);
        delete _facts[grantId][condition];
        emit AttestationWithdrawn(grantId, condition);
        _fold(abi.encode(AttestationWithdrawn.selector, grantId, condition));
    }

    /// @return The time a condition holds until; 0 when it was never attested or was withdrawn.
    function attestedUntil(bytes32 grantId, uint8 condition) public view returns (uint40) {
        return _facts[grantId][condition].until;
    }

    function _onlyAttester(uint8 condition) private view {
        if (condition >= CONDITION_COUNT) revert UnknownCondition();
        if ((attesterConditions[msg.sender] >> condition) & 1 == 0) revert NotAttester();
    }

    /// @dev Reverts while nothing may be opened.
    function _beforeWidening() internal view virtual;
}
