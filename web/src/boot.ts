import { start } from './session.ts';

/** So long may the way to the issuer take before a page says that one is on it. */
const PATIENCE_MS = 1500;

const query = new URLSearchParams(location.search);
const back = query.has('state') || query.has('signed-out');
const begun = start();

// Whoever is only on the way to the issuer needs none of the pages: they are loaded when somebody comes back, or stays.
if (!back && (await begun).state === 'leaving') await new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
const { show } = await import('./main.tsx');
show(begun);
