import { hash } from 'node:crypto';
import type { Hashing } from '../../domain/ledger/hash.ts';

export const nodeHashing: Hashing = { sha256: (data) => hash('sha256', data, 'buffer') };
