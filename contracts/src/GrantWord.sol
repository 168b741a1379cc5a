// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice What a grant covers. A bitmap of 0 means "any", except `labels` and `conditions`: none. Bit orders are those
/// of the gateway's consent model and never change; a new meaning needs a new contract.
struct Scope {
    uint8 actions;
    uint16 purposes;
    uint32 classes;
    uint16 labels;
    uint8 conditions;
    uint40 from;
    /// Exclusive; 0 means without end.
    uint40 until;
    /// Window of the data's own dates; 0 means open on that side.
    uint40 dataFrom;
    uint40 dataUntil;
}

/// @title A whole grant state in one storage word.
/// @dev From bit 0: status 2, effect 1, grantee kind 3, unused 2, actions 8, purposes 16, classes 32, labels 16,
/// conditions 8, unused 8, from 40, until 40, data from 40, data until 40.
library GrantWord {
    error UnknownBits();
    error EmptyPeriod();
    error NotNarrower();

    uint256 internal constant ACTIVE = 1;
    uint256 internal constant REVOKED = 2;
    uint256 private constant STATUS = 3;
    uint256 private constant DENY = 4;
    uint256 private constant HEAD = 0xff;

    uint256 private constant KINDS = 6;
    uint256 private constant KNOWN_PURPOSES = (1 << 15) - 1;
    uint256 private constant KNOWN_CLASSES = (1 << 25) - 1;
    uint256 private constant KNOWN_LABELS = (1 << 13) - 1;
    uint256 private constant KNOWN_CONDITIONS = (1 << 4) - 1;

    function status(uint256 word) internal pure returns (uint256) {
        return word & STATUS;
    }

    function isDeny(uint256 word) internal pure returns (bool) {
        return word & DENY != 0;
    }

    function kind(uint256 word) internal pure returns (uint8) {
        return uint8((word >> 3) & 7);
    }

    function revoked(uint256 word) internal pure returns (uint256) {
        return (word & ~STATUS) | REVOKED;
    }

    /// @notice The word of a new, active grant.
    function make(uint8 granteeKind, uint8 effect, Scope calldata s) internal pure returns (uint256) {
        if (granteeKind >= KINDS || effect > 1) revert UnknownBits();
        // A prohibition that waits for a condition would be a permission in disguise.
        if (effect == 1 && s.conditions != 0) revert UnknownBits();
        return ACTIVE | (uint256(effect) << 2) | (uint256(granteeKind) << 3) | _pack(s);
    }

    /// @notice The word with a scope that lies wholly within the old one.
    function narrowed(uint256 word, Scope calldata s) internal pure returns (uint256) {
        // Less of a prohibition is more of a permission.
        if (isDeny(word)) revert NotNarrower();
        Scope memory old = scope(word);
        bool within = _within(s.actions, old.actions) && _within(s.purposes, old.purposes)
            && _within(s.classes, old.classes) && s.labels & ~old.labels == 0 && old.conditions & ~s.conditions == 0
            && s.from >= old.from && _ends(s.until, old.until) && s.dataFrom >= old.dataFrom
            && _ends(s.dataUntil, old.dataUntil);
        if (!within) revert NotNarrower();
        return (word & HEAD) | _pack(s);
    }

    function scope(uint256 word) internal pure returns (Scope memory s) {
        s.actions = uint8(word >> 8);
        s.purposes = uint16(word >> 16);
        s.classes = uint32(word >> 32);
        s.labels = uint16(word >> 64);
        s.conditions = uint8(word >> 80);
        s.from = uint40(word >> 96);
        s.until = uint40(word >> 136);
        s.dataFrom = uint40(word >> 176);
        s.dataUntil = uint40(word >> 216);
    }

    function _within(uint256 inner, uint256 outer) private pure returns (bool) {
        return outer == 0 || (inner != 0 && inner & ~outer == 0);
    }

    function _ends(uint256 inner, uint256 outer) private pure returns (bool) {
        return outer == 0 || (inner != 0 && inner <= outer);
    }

    function _pack(Scope calldata s) private pure returns (uint256) {
        if (
            s.purposes > KNOWN_PURPOSES || s.classes > KNOWN_CLASSES || s.labels > KNOWN_LABELS
                || s.conditions > KNOWN_CONDITIONS
        ) revert UnknownBits();
        if (s.until != 0 && s.until <= s.from) revert EmptyPeriod();
        if (s.dataUntil != 0 && s.dataUntil <= s.dataFrom) revert EmptyPeriod();
        return (uint256(s.actions) << 8) | (uint256(s.purposes) << 16) | (uint256(s.classes) << 32)
            | (uint256(s.labels) << 64) | (uint256(s.conditions) << 80) | (uint256(s.from) << 96)
            | (uint256(s.until) << 136) | (uint256(s.dataFrom) << 176) | (uint256(s.dataUntil) << 216);
    }
}
