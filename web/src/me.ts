import { createContext, use } from 'react';
import type { Me } from '../../src/domain/console/page.ts';

export const MeContext = createContext<Me | undefined>(undefined);

/** Who is logged in. Pages hide by it; the gateway decides by the token. */
export const useMe = (): Me => {
  const me = use(MeContext);
  if (me === undefined) throw new Error('useMe outside the shell');
  return me;
};
