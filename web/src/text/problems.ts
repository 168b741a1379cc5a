import type { ProblemCode } from '../../../src/domain/problem.ts';
import type { Language } from '../text.tsx';

/** The sentences of docs/errors.md in other languages; a code that is not here is told in English. */
const de: Partial<Record<ProblemCode, string>> = {
  'interaction-unsupported': 'Diese Art von Aufruf bedient das Gateway nicht.',
  'query-ambiguous': 'Die Anfrage lässt sich auf mehr als eine Weise lesen oder gar nicht.',
  'body-invalid': 'Der Inhalt passt nicht zu diesem Aufruf.',
  'body-too-large': 'Der Inhalt ist größer, als das Gateway annimmt.',
  'auth-token-missing': 'Sie sind nicht angemeldet.',
  'auth-token-invalid': 'Ihre Anmeldung gilt für dieses Gateway nicht.',
  'auth-token-expired': 'Ihre Anmeldung ist abgelaufen.',
  'auth-unavailable': 'Die Anmeldung lässt sich gerade nicht prüfen.',
  'scope-insufficient': 'Ihre Rolle erlaubt das nicht.',
  'subject-unknown': 'Keine Einwilligung erlaubt diesen Zugriff.',
  'consent-not-granted': 'Keine Einwilligung erlaubt diesen Zugriff.',
  'consent-unverifiable': 'Einwilligungen lassen sich gerade nicht prüfen; es wurde nichts gesendet.',
  'consent-unrepresentable': 'Diese Einwilligung lässt sich nicht genau festhalten und wurde nicht angenommen.',
  'consent-signature-invalid':
    'Die Unterschrift stammt nicht von der Person selbst oder einer Vertretung, die das darf.',
  'consent-unsigned': 'Eine Einwilligung gilt erst, wenn die Person selbst oder ihre Vertretung sie unterschreibt.',
  'relay-unavailable': 'Unterschriebene Einwilligungen lassen sich gerade nicht weiterleiten.',
  'risk-step-up': 'Dieser Zugriff verlangt eine frische, stärkere Anmeldung.',
  'risk-blocked': 'Dieser Zugriff wurde zur Prüfung angehalten.',
  'risk-unavailable': 'Der Aufruf lässt sich gerade nicht bewerten; es wurde nichts gesendet.',
  'policy-no-rule': 'Keine Richtlinie deckt diese Rolle, diesen Zweck und diese Art von Daten ab.',
  'policy-unavailable': 'Es ist keine gültige Richtlinie geladen; es wurde nichts gesendet.',
  'not-found': 'Das gibt es nicht.',
  'page-expired': 'Diese Ergebnisseite ist abgelaufen; suchen Sie noch einmal.',
  'precondition-failed': 'Inzwischen hat sich das geändert; laden Sie es neu.',
  'upstream-refused': 'Der FHIR-Server hat die Anfrage nicht angenommen.',
  'upstream-unreachable': 'Der FHIR-Server ist nicht erreichbar.',
  'upstream-timeout': 'Der FHIR-Server hat nicht rechtzeitig geantwortet.',
  'upstream-malformed': 'Der FHIR-Server hat etwas geschickt, das kein FHIR-JSON ist.',
  'upstream-error': 'Der FHIR-Server konnte nicht antworten.',
  'content-unmaskable': 'Die Antwort enthält etwas, das sich nicht verdecken lässt; es wurde nichts gesendet.',
  'ledger-unavailable': 'Der Zugriff lässt sich gerade nicht aufzeichnen; es wurde nichts gesendet.',
  'rate-limited': 'Zu viele Aufrufe; warten Sie und versuchen Sie es noch einmal.',
  'too-costly': 'Das ist mehr, als das Gateway auf einmal herausgibt.',
  'stage-failed': 'Das Gateway konnte den Aufruf nicht beurteilen; es wurde nichts gesendet.',
};

export const problemTexts: Readonly<Record<Exclude<Language, 'en'>, ReadonlyMap<string, string>>> = {
  de: new Map(Object.entries(de)),
};
