import { createHash, createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nodeHashing } from '../../../src/adapters/store/node-hash.ts';
import type { PatientId } from '../../../src/domain/fhir/interaction.ts';
import { fromBase64, fromBase64Url, fromHex, toBase64, toBase64Url, toHex } from '../../../src/domain/ledger/base64.ts';
import { formatCheckpoint, parseCheckpoint } from '../../../src/domain/ledger/checkpoint.ts';
import { entryKinds } from '../../../src/domain/ledger/entry.ts';
import {
  groupTexts,
  hidePatients,
  entryOf as joinGroups,
  showPatients,
} from '../../../src/domain/ledger/field-groups.ts';
import { hmac } from '../../../src/domain/ledger/hash.ts';
import { decodeLeaf, encodeLeaf } from '../../../src/domain/ledger/leaf.ts';
import { formatProof, parseProof } from '../../../src/domain/ledger/proof.ts';
import {
  decodeBundle,
  encodeBundle,
  parseTilePath,
  type TileName,
  tilePath,
} from '../../../src/domain/ledger/tiles.ts';
import { parseTrustPolicy } from '../../../src/domain/ledger/trust-policy.ts';
import { entryOf } from '../../adapters/store/ledger-fixture.ts';

const bytes = (length?: number) =>
  fc.uint8Array(length === undefined ? { maxLength: 300 } : { minLength: length, maxLength: length });

describe('the formats of the log', () => {
  it('hash as node:crypto does', () => {
    fc.assert(
      fc.property(bytes(), bytes(), bytes(), (key, label, data) => {
        expect(toHex(nodeHashing.sha256(data))).toBe(createHash('sha256').update(data).digest('hex'));
        expect(toHex(hmac(nodeHashing, key, label, data))).toBe(
          createHmac('sha256', key).update(label).update(data).digest('hex'),
        );
      }),
    );
  });

  it('keep bytes through base64 and hex, and take no second spelling', () => {
    fc.assert(
      fc.property(bytes(), (data) => {
        expect(fromBase64(toBase64(data))).toEqual(data);
        expect(fromBase64Url(toBase64Url(data))).toEqual(data);
        expect(fromHex(toHex(data))).toEqual(data);
      }),
    );
    for (const text of ['AB==', 'A', 'AA', 'AA=', 'AA= =', 'AA==\n', 'A-8='])
      expect([text, fromBase64(text)]).toEqual([text, undefined]);
  });

  it('name every tile one way', () => {
    const name: fc.Arbitrary<TileName> = fc.record({
      level: fc.oneof(fc.constant('entries' as const), fc.integer({ min: 0, max: 63 })),
      index: fc.integer({ min: 0, max: 2 ** 45 }),
      width: fc.integer({ min: 1, max: 256 }),
    });
    fc.assert(fc.property(name, (tile) => expect(parseTilePath(tilePath(tile))).toEqual(tile)));
    expect(tilePath({ level: 0, index: 1234067, width: 256 })).toBe('tile/0/x001/x234/067');
    expect(tilePath({ level: 'entries', index: 273, width: 112 })).toBe('tile/entries/273.p/112');
  });

  it('read back bundles, leaves, proofs and checkpoints', () => {
    fc.assert(
      fc.property(fc.array(bytes(), { maxLength: 20 }), bytes(32), fc.nat(), (entries, hash, size) => {
        expect(decodeBundle(encodeBundle(entries), entries.length)).toEqual(entries);
        expect(decodeBundle(encodeBundle(entries), entries.length + 1)).toBeUndefined();
        const leaf = {
          kind: entryKinds[size % 12] ?? 'read',
          decision: 'deny' as const,
          node: hash.slice(0, 8),
          second: size,
          height: size * 3,
          commitment: hash,
          payload: hash,
        };
        expect(encodeLeaf(leaf).length).toBeLessThanOrEqual(128);
        expect(decodeLeaf(encodeLeaf(leaf))).toEqual(leaf);
        const proof = { extra: hash, index: size, path: [hash, hash], checkpoint: 'a\n1\nAA==\n\n— a AAAAAAA=\n' };
        expect(parseProof(formatProof(proof))).toEqual(proof);
        expect(parseCheckpoint(formatCheckpoint({ origin: 'a b', size, root: hash }))).toEqual({
          origin: 'a b',
          size,
          root: hash,
          rest: '',
        });
      }),
    );
  });
});

describe('the groups of an entry', () => {
  it('are the whole entry', () => {
    const entry = entryOf('r', {
      reason: 'x',
      code: 'risk-blocked',
      stage: 'assess',
      policy: { hash: 'h', rules: [] },
      risk: { score: 1, action: 'block', model: 'm', reasons: [] },
    });
    expect(joinGroups(groupTexts(entry), entry.patients)).toEqual(entry);
  });

  it('hide every patient of a shared entry, and give all of them back', () => {
    const id = fc.stringMatching(/^[A-Za-z0-9.-]{1,12}$/);
    fc.assert(
      fc.property(
        fc.uniqueArray(id, { minLength: 1, maxLength: 6 }),
        fc.array(fc.oneof(id, fc.string())),
        (ids, words) => {
          const patients = ids as unknown as PatientId[];
          const text = JSON.stringify([...words, ...ids.map((one) => `Patient/${one}`)]);
          const hidden = hidePatients(text, patients);
          expect(showPatients(hidden, patients)).toBe(text);
          for (const one of ids) expect(hidden).not.toContain(`Patient/${one}"`);
          expect(() => JSON.parse(showPatients(hidden, []))).not.toThrow();
        },
      ),
    );
  });
});

describe('a trust policy', () => {
  const key = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';
  it.each([
    ['', 'there is no quorum line'],
    ['quorum none\nquorum none', 'a second quorum line'],
    [`log ${key}\nlog ${key}\nquorum none`, 'this log is listed twice'],
    [`witness w ${key}\nquorum w`, 'the key of a witness must be one for cosignatures'],
    ['group g 1 nobody\nquorum g', 'a member is not defined above'],
    ['log not-a-key\nquorum none', 'a log needs a verifier key and at most a URL'],
    ['trust everyone', 'an unknown keyword'],
    ['quorum none\u0007', 'a control character'],
  ])('is refused with its fault: %j', (text, fault) => {
    expect(parseTrustPolicy(nodeHashing, text)).toMatchObject({ fault });
  });

  it('takes comments, tabs and URLs', () => {
    expect(
      parseTrustPolicy(nodeHashing, `# ours\n\t log ${key} https://example.com/log \n\nquorum\tnone\n`),
    ).toMatchObject({ logs: [{ name: 'example.com/foo' }] });
  });
});
