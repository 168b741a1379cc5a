import { Command } from 'commander';
import { addChanges } from './policy/change.ts';
import { type PolicyTools, policyDesk } from './policy/desk.ts';
import { addKeys } from './policy/keys.ts';
import { addLooks } from './policy/look.ts';

export const policyCommand = (tools: PolicyTools): Command => {
  const command = new Command('policy').description('check, try and change the masking policies');
  const desk = policyDesk(tools, command);
  addLooks(desk);
  addChanges(desk);
  addKeys(desk);
  return command;
};
