// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

/// @title The newest root of each access ledger, held where its operator cannot rewrite it.
/// @notice A new root is taken only with an RFC 6962 consistency proof that the old tree is a prefix of the new one. A
/// fork, a rollback, a rewritten entry and a foreign origin all revert.
contract LedgerAnchor is AccessManaged {
    struct Log {
        bytes32 root;
        address writer;
        uint64 size;
        uint32 time;
    }

    struct Checkpoint {
        /// keccak256 of the checkpoint's origin line.
        bytes32 origin;
        uint64 size;
        bytes32 root;
        bytes32[] proof;
    }

    event WriterSet(bytes32 indexed origin, address indexed writer);
    event Anchored(bytes32 indexed origin, uint64 indexed size, bytes32 root);

    error UnknownOrigin();
    error NotWriter();
    error Rollback();
    error Fork();
    error BadProof();

    mapping(bytes32 origin => Log) private _logs;

    constructor(address authority) AccessManaged(authority) {}

    /// @notice Names the only account that may anchor a log. What is anchored stays.
    function setWriter(bytes32 origin, address writer) external restricted {
        _logs[origin].writer = writer;
        emit WriterSet(origin, writer);
    }

    /// @notice The writer of a log opens the one of a later half-year, `origin/2027h1`. Names of that form under an origin
    /// belong to its writer, so nobody has to be asked twice a year.
    function openHalfYear(string calldata origin, uint16 year, bool second) external {
        if (_logs[keccak256(bytes(origin))].writer != msg.sender) revert NotWriter();
        bytes32 next = keccak256(
            bytes(string.concat(origin, "/", Strings.toString(year), second ? "h2" : "h1"))
        );
        if (_logs[next].writer == msg.sender) return;
        if (_logs[next].writer != address(0)) revert NotWriter();
        _logs[next].writer = msg.sender;
        emit WriterSet(next, msg.sender);
    }

    function latest(bytes32 origin) external view returns (Log memory) {
        return _logs[origin];
    }

    function anchor(Checkpoint calldata c) external {
        _anchor(c);
    }

    /// @notice All logs of a cluster in one transaction; one bad checkpoint refuses them all.
    function anchorAll(Checkpoint[] calldata checkpoints) external {
        for (uint256 i = 0; i < checkpoints.length; ++i) _anchor(checkpoints[i]);
    }

    function _anchor(Checkpoint calldata c) private {
        Log storage log = _logs[c.origin];
        (address writer, uint64 size) = (log.writer, log.size);
        if (writer == address(0)) revert UnknownOrigin();
        if (writer != msg.sender) revert NotWriter();
        if (c.size < size) revert Rollback();
        if (c.size == size) {
            // Sending the same checkpoint twice is how a sender recovers; another root at that size is a fork.
            if (c.root != log.root || size == 0) revert Fork();
            return;
        }
        if (size != 0) _requireConsistent(size, log.root, c.size, c.root, c.proof);
        else if (c.proof.length != 0) revert BadProof();
        log.root = c.root;
        log.size = c.size;
        log.time = uint32(block.timestamp);
        emit Anchored(c.origin, c.size, c.root);
    }

    /// @dev RFC 9162 section 2.1.4.2, for 0 < oldSize < size.
    function _requireConsistent(
        uint256 oldSize,
        bytes32 oldRoot,
        uint256 size,
        bytes32 root,
        bytes32[] calldata proof
    ) private view {
        unchecked {
            uint256 next = 0;
            uint256 fn = oldSize - 1;
            uint256 sn = size - 1;
            while (fn & 1 == 1) (fn, sn) = (fn >> 1, sn >> 1);
            bytes32 oldHash = oldRoot;
            // The first hash is left out of the proof when the old tree is a whole subtree of the new one.
            if (oldSize & (oldSize - 1) != 0) {
                if (proof.length == 0) revert BadProof();
                oldHash = proof[next++];
            }
            bytes32 newHash = oldHash;
            uint256 buffer = _nodeBuffer();
            for (; next < proof.length; ++next) {
                if (sn == 0) revert BadProof();
                bytes32 sibling = proof[next];
                if (fn & 1 == 1 || fn == sn) {
                    // Both trees have this node as long as they are alike.
                    bytes32 grown = _node(buffer, sibling, newHash);
                    oldHash = oldHash == newHash ? grown : _node(buffer, sibling, oldHash);
                    newHash = grown;
                    while (fn & 1 == 0 && fn != 0) (fn, sn) = (fn >> 1, sn >> 1);
                } else {
                    newHash = _node(buffer, newHash, sibling);
                }
                (fn, sn) = (fn >> 1, sn >> 1);
            }
            if (sn != 0 || oldHash != oldRoot || newHash != root) revert BadProof();
        }
    }

    /// @dev 65 bytes that begin with 0x01, the prefix of an inner node.
    function _nodeBuffer() private pure returns (uint256 buffer) {
        assembly ("memory-safe") {
            buffer := mload(0x40)
            mstore(0x40, add(buffer, 96))
            mstore8(buffer, 1)
        }
    }

    /// @dev SHA-256(0x01 || left || right) by the precompile.
    function _node(uint256 buffer, bytes32 left, bytes32 right) private view returns (bytes32 hash) {
        assembly ("memory-safe") {
            mstore(add(buffer, 1), left)
            mstore(add(buffer, 33), right)
            if iszero(staticcall(gas(), 2, buffer, 65, 0, 32)) { revert(0, 0) }
            hash := mload(0)
        }
    }
}
