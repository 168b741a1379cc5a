// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

/// @title Who may register subjects, name attesters and writers, pause: roles with delays.
contract Authority is AccessManager {
    constructor(address admin) AccessManager(admin) {}
}
