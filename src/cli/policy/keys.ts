import { derivedKey, keyName } from '../../domain/masking/keyed.ts';
import { type Folder, type PolicyDesk, Refusal } from './desk.ts';

interface Ring extends Pick<Folder, 'json'> {
  readonly data: string;
}

/** Commands on the ring of masking keys in the data folder. A running gateway takes them up when it starts. */
export const addKeys = ({ tools, command, read, guarded, print }: PolicyDesk): void => {
  const keys = command
    .command('keys')
    .description('the keys of pseudonyms, date shifts and encryption: which there are, replaced, taken away');
  const withData = (name: string, description: string) =>
    keys
      .command(name)
      .description(description)
      .option('--data <dir>', 'data folder of the gateway', '.consentry')
      .option('--json', 'print one JSON object');
  const ring = (data: string) => {
    try {
      const found = tools.maskingKeys(data);
      found.all();
      return found;
    } catch (error) {
      throw new Refusal(2, error instanceof Error ? error.message : 'The keys cannot be read.');
    }
  };
  const next = 'Start the gateway again for it to hold.';

  withData('list', 'the key in use and those before it, by the names that pseudonyms begin with')
    .option('--project <name>', 'project or study whose pseudonyms are meant, such as ResearchStudy/s1', '')
    .action(
      guarded((flags: Ring & { project: string }) => {
        const all = ring(flags.data).all();
        if (all.length === 0) throw new Refusal(2, `There is no masking key in ${flags.data}.`);
        const listed = all.map((key, at) => ({
          key: keyName(key),
          state: at === 0 ? 'in use' : 'former',
          pseudonyms: keyName(derivedKey(key, `pseudonym/${flags.project}`)),
        }));
        print(flags.json, { keys: listed }, [
          ...listed.map(({ key, state, pseudonyms }) => `${key}  ${state.padEnd(6)}  pseudonyms ${pseudonyms}...`),
        ]);
      }),
    );

  withData('rotate', 'put a new key in use; what was given out under the one before is still understood').action(
    guarded((flags: Ring) => {
      const made = keyName(ring(flags.data).rotate());
      print(flags.json, { ok: true, key: made }, [`The key ${made} is to be in use. ${next}`]);
    }),
  );

  withData('add', 'understand what was given out under another key as well')
    .requiredOption('--key <file>', '32 bytes in hex')
    .action(
      guarded((flags: Ring & { key: string }) => {
        const text = new TextDecoder().decode(read(flags.key, 'key file')).trim();
        if (!/^[0-9a-fA-F]{64}$/.test(text)) throw new Refusal(2, `${flags.key} must hold 32 bytes in hex.`);
        const key = Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
        if (!ring(flags.data).add(key)) throw new Refusal(1, 'That key is on the ring already.');
        print(flags.json, { ok: true, key: keyName(key) }, [`The key ${keyName(key)} is a former one. ${next}`]);
      }),
    );

  withData('retire', 'forget a former key: what was given out under it opens nothing any more')
    .requiredOption('--name <name>', 'name of the key, as listed')
    .action(
      guarded((flags: Ring & { name: string }) => {
        const { all, retire } = ring(flags.data);
        const at = all().findIndex((key) => keyName(key) === flags.name);
        if (at < 0) throw new Refusal(2, `There is no key ${flags.name} on the ring. See \`policy keys list\`.`);
        if (at === 0) throw new Refusal(1, `The key ${flags.name} is in use. Rotate first.`);
        retire(at);
        print(flags.json, { ok: true, key: flags.name }, [`The key ${flags.name} is forgotten. ${next}`]);
      }),
    );
};
