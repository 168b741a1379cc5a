import { texts } from '../text.tsx';

/** Outcomes that are no refusals. */
export const codeText = texts(
  { released: 'Served.', own: 'Served by the gateway itself.' },
  { de: { released: 'Bedient.', own: 'Vom Gateway selbst bedient.' } },
);
