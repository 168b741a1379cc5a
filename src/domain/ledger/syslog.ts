import type { LedgerEntry } from './entry.ts';

/** RFC 5424. Facility 13, log audit; the number in the structured data's name is the one of RFC 5612 for those who have none. */
const FACILITY = 13;
const SD_ID = 'consentry@32473';

const severityOf = ({ kind, decision, code }: LedgerEntry): number => {
  if (kind === 'break-glass' || code === 'record-altered') return 4;
  return decision === 'deny' ? 5 : 6;
};

/** HOSTNAME and the like: printable ASCII without spaces, or the nil value. */
const word = (text: string, most: number): string => text.replace(/[^\x21-\x7e]/g, '').slice(0, most) || '-';

const escaped = (text: string): string => text.replace(/["\\\]]/g, (mark) => `\\${mark}`).replace(/\p{Cc}/gu, ' ');

/** One entry as a message: who, what for and what came of it. It names no patient and no record. */
export const syslogMessage = (
  entry: LedgerEntry,
  index: number,
  from: { readonly host: string; readonly log: string },
): string => {
  const { actor, interaction, outcome } = entry;
  const facts: readonly (readonly [string, string | number | undefined])[] = [
    ['log', from.log],
    ['index', index],
    ['kind', entry.kind],
    ['decision', entry.decision],
    ['code', entry.code],
    ['stage', entry.stage],
    ['user', actor?.user],
    ['issuer', actor?.issuer],
    ['client', actor?.client],
    ['organisation', actor?.organisation],
    ['roles', actor?.roles.join(' ')],
    ['purpose', entry.purpose],
    ['interaction', interaction?.kind],
    ['type', interaction?.type],
    ['status', outcome.status],
    ['returned', outcome.returned],
    ['masked', outcome.masked],
    ['request', entry.requestId],
  ];
  const data = facts
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([name, value]) => ` ${name}="${escaped(String(value))}"`)
    .join('');
  const head = `<${FACILITY * 8 + severityOf(entry)}>1 ${new Date(entry.at).toISOString()}`;
  return `${head} ${word(from.host, 255)} consentry - ${word(entry.kind, 32)} [${SD_ID}${data}]`;
};
