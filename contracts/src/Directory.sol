// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

/// @title Which contracts are in force, with every version there ever was.
/// @notice Contracts are never changed in place. A new version is published here, after the delay that the authority
/// puts on publishing, so that everyone sees it come; the code's hash is kept, so that a gateway can pin it.
contract Directory is AccessManaged {
    struct Entry {
        address target;
        uint40 since;
        bytes32 codeHash;
    }

    event Published(bytes32 indexed name, uint256 indexed version, address target, bytes32 codeHash);

    error NoCode();
    error NotPublished();

    mapping(bytes32 name => Entry[]) private _versions;

    constructor(address authority) AccessManaged(authority) {}

    /// @return version The number of the new version, from 1.
    function publish(bytes32 name, address target) external restricted returns (uint256 version) {
        if (target.code.length == 0) revert NoCode();
        bytes32 codeHash = target.codehash;
        _versions[name].push(Entry(target, uint40(block.timestamp), codeHash));
        version = _versions[name].length;
        emit Published(name, version, target, codeHash);
    }

    function latest(bytes32 name) external view returns (uint256 version, Entry memory entry) {
        version = _versions[name].length;
        if (version == 0) revert NotPublished();
        entry = _versions[name][version - 1];
    }

    function versionOf(bytes32 name, uint256 version) external view returns (Entry memory) {
        if (version == 0 || version > _versions[name].length) revert NotPublished();
        return _versions[name][version - 1];
    }
}
