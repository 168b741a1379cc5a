import { Command } from 'commander';
import type { Explanation } from '../domain/ledger/explanation.ts';
import { UsageError } from './config.ts';

export interface ExplainTools {
  /** The gateway that runs on the data folder. */
  access(data: string): { readonly url: string; readonly token: string };
}

/** `consentry explain REQUEST_ID`: the story of one call, stage by stage. */
export function explainCommand(tools: ExplainTools): Command {
  return new Command('explain')
    .description('say why a call was answered as it was, stage by stage')
    .argument('<request-id>', 'the X-Request-Id of the answer')
    .option('--data <folder>', 'data folder of the running gateway', '.consentry')
    .option('--json', 'print one JSON object')
    .action(async (requestId: string, options: { data: string; json?: boolean }) => {
      const { url, token } = tools.access(options.data);
      const response = await fetch(`${url}/api/v1/explain/${encodeURIComponent(requestId)}`, {
        headers: { authorization: `Bearer ${token}` },
      }).catch(() => {
        throw new UsageError(
          `No gateway answers at ${url}. Start it, or name the data folder of the running one with --data.`,
        );
      });
      if (response.status === 404)
        throw new UsageError(
          'The ledger holds no call with this request id. Copy it from the X-Request-Id header of the answer.',
        );
      if (!response.ok)
        throw new UsageError(
          `The gateway answered ${response.status}. Is this the data folder of the running gateway?`,
        );
      const told = (await response.json()) as Explanation;
      console.log(options.json ? JSON.stringify(told) : sentences(told));
    });
}

function sentences(told: Explanation): string {
  const lines = [told.summary, ''];
  for (const { stage, rule, text } of told.stages) lines.push(`  ${stage.padEnd(12)} ${text}  [${rule}]`);
  if (told.consent !== undefined)
    lines.push('', `Consent: ${told.consent.basis}, block ${told.consent.block} of contract ${told.consent.contract}.`);
  if (told.risk !== undefined)
    lines.push(`Risk: ${told.risk.score.toFixed(3)}, ${told.risk.action}, model ${told.risk.model}.`);
  if (told.policy !== undefined && told.policy.rules.length > 0)
    lines.push(`Masking rules that fired: ${told.policy.rules.join(', ')}.`);
  if (told.whoCanMend !== undefined) lines.push(`Who can mend it: the ${told.whoCanMend}.`);
  lines.push(`Ledger: entry ${told.receipt.index} of ${told.receipt.log}.`);
  return lines.join('\n');
}
