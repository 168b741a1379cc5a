import type { Answer, House } from '../security/house.ts';

export interface ManifestFile {
  readonly type: string;
  readonly url: string;
}

export interface Manifest {
  readonly transactionTime: string;
  readonly request: string;
  readonly requiresAccessToken: boolean;
  readonly output: readonly ManifestFile[];
  readonly error: readonly unknown[];
}

/** Below the FHIR base, as `House.ask` takes it. */
export const below = (house: House, url: string | undefined): string => {
  if (url?.startsWith(house.base) !== true) throw new Error('not a link of the gateway');
  return url.slice(house.base.length);
};

export const kickOff = (house: House, path: string, token: string): Promise<Answer> =>
  house.ask(`GET ${path}`, { token, headers: { prefer: 'respond-async', accept: 'application/fhir+json' } });

/** Polls until the export is no longer in progress. */
export async function finished(house: House, status: string, token: string): Promise<Answer> {
  for (let polls = 0; polls < 500; polls += 1) {
    const answer = await house.ask(`GET ${status}`, { token });
    if (answer.status !== 202) return answer;
  }
  throw new Error('the export never ended');
}

/** An export from its kick-off to its manifest. */
export async function exported(
  house: House,
  path: string,
  token: string,
): Promise<{ status: string; manifest: Manifest }> {
  const begun = await kickOff(house, path, token);
  if (begun.status !== 202) throw new Error(`kick-off answered ${begun.status} ${begun.code}`);
  const status = below(house, begun.headers['content-location'] as string | undefined);
  const answer = await finished(house, status, token);
  if (answer.status !== 200) throw new Error(`status answered ${answer.status} ${answer.code}`);
  return { status, manifest: JSON.parse(answer.text) as Manifest };
}

export const fileOf = (manifest: Manifest, type: string): string =>
  manifest.output.find((each) => each.type === type)?.url ?? '';

export const linesOf = (text: string): readonly { readonly resourceType: string; readonly id?: string }[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { resourceType: string; id?: string });
