import { createHash } from 'node:crypto';
import type { SandboxClaims } from './signing-keys.ts';

export interface LoginPersona extends SandboxClaims {
  readonly name: string;
  readonly title: string;
}

export interface PickablePatient {
  readonly id: string;
  readonly name: string;
}

export interface LoginPage {
  readonly uid: string;
  readonly client: string;
  readonly scope: string;
  readonly personas: readonly LoginPersona[];
  /** Empty when the app asked for no launch patient. */
  readonly patients: readonly PickablePatient[];
}

const style = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 42rem; margin: 3rem auto; padding: 0 1rem }
fieldset { border: 1px solid #8884; border-radius: .5rem; margin: 1rem 0; padding: .5rem 1rem }
label { display: block; padding: .35rem 0 }
select, button { font: inherit; padding: .4rem .8rem }
code { overflow-wrap: anywhere }
.note { opacity: .75; font-size: .9rem }`;

/** No script, no outside source; the form may only post back here. */
export const pagePolicy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; frame-ancestors 'none'; base-uri 'none'`;

/** `form` is the provider's own, with its guard against forgery. */
export const logoutPage = (form: string): string => `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sandbox log-out</title><style>${style}</style></head>
<body>
<h1>Sandbox log-out</h1>
<p>Nobody stays logged in on this browser after this.</p>
${form}
<button autofocus type="submit" form="op.logoutForm" name="logout" value="yes">Log out</button>
</body>
</html>
`;

/** Who are you, and whose record is open? One page instead of a password: everybody here is invented. */
export const loginPage = ({ uid, client, scope, personas, patients }: LoginPage): string => `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sandbox log-in</title><style>${style}</style></head>
<body>
<h1>Sandbox log-in</h1>
<p>The app <strong>${html(client)}</strong> asks for <code>${html(scope)}</code></p>
<form method="post" action="/interaction/${html(uid)}">
<fieldset><legend>Continue as</legend>
${personas.map(personaChoice).join('\n')}
</fieldset>
${patients.length > 0 ? patientPicker(patients) : ''}
<button type="submit" name="answer" value="allow">Log in and allow</button>
<button type="submit" name="answer" value="deny">Deny</button>
</form>
<p class="note">This is the token issuer of a sandbox. It asks for no password and must never be reachable from outside this machine.</p>
</body>
</html>
`;

const personaChoice = ({ name, title }: LoginPersona, index: number): string =>
  `<label><input type="radio" name="persona" value="${html(name)}"${index === 0 ? ' checked' : ''}> <strong>${html(name)}</strong>: ${html(title)}</label>`;

const patientPicker = (
  patients: readonly PickablePatient[],
): string => `<fieldset><legend>Patient whose record is open</legend>
<label>Patient <select name="patient">
${patients.map(({ id, name }) => `<option value="${html(id)}">${html(name)}</option>`).join('\n')}
</select></label>
<p class="note">Somebody who logs in as a patient opens their own record.</p>
</fieldset>`;

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const html = (text: string): string => text.replace(/[&<>"']/g, (each) => entities[each] ?? '');
