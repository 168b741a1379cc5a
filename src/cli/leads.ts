import { createReadStream, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Command } from 'commander';
import { type Fact, factOf, type MinutesTable, type OpioidTable } from '../domain/fraud/facts.ts';
import { detectedIssueOf, findLeads } from '../domain/fraud/leads.ts';

interface Tables {
  readonly opioids: OpioidTable;
  readonly minutes: MinutesTable;
}

const readTables = (file: string | undefined): Tables => {
  const read = file === undefined ? {} : (JSON.parse(readFileSync(file, 'utf8')) as Partial<Tables>);
  return { opioids: read.opioids ?? {}, minutes: read.minutes ?? {} };
};

interface Flags {
  readonly records: string;
  readonly tables?: string;
  readonly fhir?: boolean;
  readonly json?: boolean;
}

const report = async ({ records, tables, fhir, json }: Flags): Promise<void> => {
  const known = readTables(tables);
  const facts: Fact[] = [];
  let line = 0;
  for await (const text of createInterface({ input: createReadStream(records), crlfDelay: Number.POSITIVE_INFINITY })) {
    line++;
    if (text.trim() === '') continue;
    try {
      const fact = factOf(JSON.parse(text), known);
      if (fact !== undefined) facts.push(fact);
    } catch {
      throw new Error(`Line ${line} of the records is not JSON.`);
    }
  }
  const leads = findLeads(facts);
  if (fhir) {
    const now = new Date().toISOString();
    for (const lead of leads) console.log(JSON.stringify(detectedIssueOf(lead, now)));
  } else if (json) console.log(JSON.stringify({ facts: facts.length, leads }));
  else {
    for (const { rule, about, sentence, evidence } of leads)
      console.log(`${rule}: ${about}: ${sentence} (${evidence.join(', ')})`);
    console.log(
      `${leads.length} leads in ${facts.length} dispenses, claims and encounters. A person decides what they mean.`,
    );
  }
};

export const leadsCommand = (): Command =>
  new Command('leads')
    .description('look for misuse of prescriptions and claims; leads for people, never a denial')
    .requiredOption('--records <file>', 'NDJSON of MedicationDispense, Claim and Encounter resources')
    .option('--tables <file>', 'JSON: opioids by RxNorm code {mg, factor}, and typical minutes by service code')
    .option('--fhir', 'print DetectedIssue resources, one a line')
    .option('--json', 'print one JSON object')
    .action(async (flags: Flags) => {
      try {
        await report(flags);
      } catch (error) {
        const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
        const sentence = missing
          ? 'There is no such file. Check --records and --tables.'
          : error instanceof Error
            ? error.message
            : 'The records cannot be read.';
        process.exitCode = 2;
        if (flags.json) console.log(JSON.stringify({ ok: false, error: sentence }));
        else console.error(sentence);
      }
    });
