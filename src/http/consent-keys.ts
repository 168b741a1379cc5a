import { controllerOfKey, passkeySigner } from '../domain/consent/passkey.ts';
import type { PatientId } from '../domain/fhir/interaction.ts';
import { fromHex } from '../domain/ledger/base64.ts';
import type { ConsentDeskParts, KeyChoice, NotedKey, SigningKey } from './consent-desk-parts.ts';

/** Which key signs for a patient, and which one would after a move. */
export interface SigningKeys {
  /** The key kept here, while it is the one that the registry holds or none is held yet. */
  kept(patient: PatientId): Uint8Array | undefined;
  current(patient: PatientId): SigningKey;
  /** What a choice comes to; undefined when it cannot be had here. */
  chosen(patient: PatientId, choice: KeyChoice): NotedKey | undefined;
}

/**
 * A patient's side has one key at a time: kept here, of a wallet, or a passkey. The registry holds who; what a passkey is
 * called lies in the patient's sealed notes. Each return to a key kept here makes a new one.
 */
export const signingKeys = ({
  registry,
  keys,
  signing,
  book,
  passkeyVerifier,
}: Pick<ConsentDeskParts, 'registry' | 'keys' | 'signing' | 'book' | 'passkeyVerifier'>): SigningKeys => {
  const noted = (patient: PatientId): readonly NotedKey[] => book.of(patient).flatMap(({ key }) => key ?? []);
  const returns = (patient: PatientId): number => noted(patient).filter(({ how }) => how === 'kept').length;
  const controllerOf = (patient: PatientId): string | undefined => {
    const subject = keys.subjectOf(patient);
    return subject === undefined ? undefined : registry.controllerOf(subject);
  };

  const kept: SigningKeys['kept'] = (patient) => {
    const controller = controllerOf(patient);
    // A return that the chain refused has left an earlier one in force.
    for (let generation = returns(patient); generation >= 0; generation -= 1) {
      const key = keys.controllerKeyOf(patient, generation);
      if (key === undefined || controller === undefined || controller === signing.accountOf(key)) return key;
    }
    return undefined;
  };

  return {
    kept,
    current(patient) {
      if (kept(patient) !== undefined) return { how: 'kept' };
      const controller = controllerOf(patient);
      const known = noted(patient).findLast((key) => key.controller === controller);
      return known?.how === 'passkey' ? known : { how: 'wallet', controller: controller ?? '' };
    },
    chosen(patient, choice) {
      switch (choice.how) {
        case 'kept': {
          const key = keys.controllerKeyOf(patient, returns(patient) + 1);
          return key === undefined ? undefined : { how: 'kept', controller: signing.accountOf(key) };
        }
        case 'wallet':
          return { how: 'wallet', controller: choice.account.toLowerCase() };
        case 'passkey': {
          const point = fromHex(choice.point.replace(/^0x/, ''));
          if (passkeyVerifier === undefined || point?.length !== 64) return undefined;
          const signer = passkeySigner(passkeyVerifier, point);
          const controller = controllerOfKey(signer);
          return controller === undefined
            ? undefined
            : { how: 'passkey', controller, signer, credential: choice.credential };
        }
      }
    },
  };
};
