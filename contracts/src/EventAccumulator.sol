// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title One word that commits to every event the contract ever folded, in order.
/// @notice A follower that folds the same events reaches the same word. One storage proof of slot 0 against a block's
/// state root therefore shows that no event was withheld, added, altered or reordered up to that block.
/// @dev SHA-256 rather than keccak256: it costs about 100 gas more here and lets a follower re-fold a million events
/// with the processor's own instructions. Inherit first, so that the word lies in slot 0.
abstract contract EventAccumulator {
    bytes32 private _accumulator;

    constructor() {
        _accumulator = sha256(abi.encode(block.chainid, address(this)));
    }

    /// @notice The fold of all events so far: `acc = sha256(acc || topics || data)`, starting from
    /// `sha256(chain id || contract)`, each left-padded to 32 bytes.
    function accumulator() external view returns (bytes32) {
        return _accumulator;
    }

    /// @param log The topics and the data of the event that was just emitted, exactly as the log holds them.
    function _fold(bytes memory log) internal {
        _accumulator = sha256(bytes.concat(_accumulator, log));
    }
}
