import type { ConsoleSettings } from '../../src/domain/console/settings.ts';

export type Place = 'console' | 'my';

/** Which of the two this page is: the officers' console or the patient pages. */
export const place: Place = /^\/my(\/|$)/.test(location.pathname) ? 'my' : 'console';

/** Where the page lives; the issuer sends people back here. */
export const home = `/${place}/`;

export const settings = JSON.parse(
  document.querySelector<HTMLMetaElement>('meta[name=consentry-settings]')?.content ?? '{}',
) as ConsoleSettings;

/** The only styles that the content security policy lets a script add carry it. */
export const nonce = document.querySelector<HTMLMetaElement>('meta[property=csp-nonce]')?.nonce ?? '';
