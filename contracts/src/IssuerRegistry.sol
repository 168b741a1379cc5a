// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EventAccumulator} from "./EventAccumulator.sol";

/// @title Keys of those whose credentials the gateways believe: universities, ethics boards, medical councils.
/// @notice Nothing about a holder is here. A key ends by its date, or at once.
/// @dev Trusting and distrusting are separate functions, so that the authority can put a delay on the first alone.
contract IssuerRegistry is EventAccumulator, AccessManaged {
    /// @param issuer keccak256 of the issuer's identifier (the `iss` of its credentials).
    /// @param key SHA-256 JWK thumbprint (RFC 7638).
    event Trusted(bytes32 indexed issuer, bytes32 indexed key, uint40 until);
    event Distrusted(bytes32 indexed issuer, bytes32 indexed key);

    error AlreadyOver();

    mapping(bytes32 issuer => mapping(bytes32 key => uint40 until)) private _until;

    constructor(address authority) AccessManaged(authority) {}

    function trust(bytes32 issuer, bytes32 key, uint40 until) external restricted {
        if (until <= block.timestamp) revert AlreadyOver();
        _until[issuer][key] = until;
        emit Trusted(issuer, key, until);
        _fold(abi.encode(Trusted.selector, issuer, key, until));
    }

    function distrust(bytes32 issuer, bytes32 key) external restricted {
        delete _until[issuer][key];
        emit Distrusted(issuer, key);
        _fold(abi.encode(Distrusted.selector, issuer, key));
    }

    /// @return The time until which the key counts; 0 when it does not.
    function trustedUntil(bytes32 issuer, bytes32 key) external view returns (uint40) {
        return _until[issuer][key];
    }
}
