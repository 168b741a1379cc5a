import { keyRing } from '../adapters/policies/key-ring.ts';
import type { Config } from '../config/schema.ts';
import type { Random } from '../ports.ts';
import { keyBytes, secret } from './secrets.ts';

/** The masking key in use, and those before it: of the configuration where it names one, else kept in the data folder. */
export function openMaskingKeys(
  config: Config,
  environment: Readonly<Record<string, string | undefined>>,
  random: Random,
): readonly [Uint8Array, ...Uint8Array[]] {
  const former = config.formerMaskingKeys.map((key, at) =>
    keyBytes(secret(key, environment), `formerMaskingKeys[${at}]`),
  );
  const ring = keyRing(config.data, (length) => random.bytes(length));
  const [kept, ...before] = ring.all();
  if (config.maskingKey !== undefined)
    return [keyBytes(secret(config.maskingKey, environment), 'maskingKey'), ...former, ...before];
  return [kept ?? ring.rotate(), ...former, ...before];
}
