import { describe, expect, it } from '@jest/globals';
import { raisedOverlay } from '../../../src/domain/policy/raised-overlay.ts';

const documents = [
  { policy: 'clinician', overlay: false },
  { policy: 'raised', overlay: true },
];
const risk = (text: string) => [{ name: 'risk.yaml', text }];

describe('the overlay of the risk ladder', () => {
  it('is the one that risk.yaml names, and must be an overlay of the folder where the ladder asks for it', () => {
    expect(raisedOverlay(risk('scoreCap: rate-limit'), documents)).toEqual({ overlay: 'raised', faults: [] });
    const lost = raisedOverlay(risk('scoreCap: mask-more\nmaskMore:\n  overlay: raise'), documents);
    expect(lost.faults).toEqual([
      expect.objectContaining({ severity: 'error', file: 'risk.yaml', line: 3, nearest: 'raised' }),
    ]);
    for (const text of [
      'scoreCap: rate-limit\nmaskMore: { overlay: clinician }',
      'documentedCap: mask-more\nmaskMore: { overlay: none }',
    ])
      expect(raisedOverlay(risk(text), documents).faults).toHaveLength(1);
    expect(raisedOverlay(risk('maskMore: { overlay: none }'), documents)).toEqual({ overlay: 'none', faults: [] });
  });

  it('is none without a risk policy, and a fault with a broken one', () => {
    expect(raisedOverlay([], documents)).toEqual({ faults: [] });
    expect(raisedOverlay(risk('scoreCap: [all'), documents).faults).toHaveLength(1);
    expect(raisedOverlay(risk('scoreCap: block'), documents).faults).toHaveLength(1);
  });
});
