// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC7913WebAuthnVerifier} from
    "@openzeppelin/contracts/utils/cryptography/verifiers/ERC7913WebAuthnVerifier.sol";

/// @title Judges what a passkey signed, so that a patient needs neither an account nor a wallet.
/// @notice The signer is this contract's address and the two coordinates of a P-256 key; the signature is a WebAuthn
/// assertion whose challenge is the EIP-712 digest, given by a present and verified user.
contract PasskeyVerifier is ERC7913WebAuthnVerifier {}
