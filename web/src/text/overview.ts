import { texts } from '../text.tsx';

export const overviewText = texts(
  {
    title: 'Overview',
    parts: 'Is everything working?',
    ready: 'Calls are served.',
    notReady: 'Some calls are refused until this is mended.',
    ok: 'working',
    broken: 'not working',
    part: { ledger: 'Ledger', consent: 'Consent', policies: 'Policies' },
  },
  {
    de: {
      title: 'Überblick',
      parts: 'Läuft alles?',
      ready: 'Aufrufe werden bedient.',
      notReady: 'Manche Aufrufe werden abgelehnt, bis das behoben ist.',
      ok: 'läuft',
      broken: 'gestört',
      part: { ledger: 'Zugriffsprotokoll', consent: 'Einwilligung', policies: 'Richtlinien' },
    },
  },
);
