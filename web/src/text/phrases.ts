/** What the gateway tells in sentences of its own: as it says them, with `{}` where a number or a name stands. */
const de: Readonly<Record<string, string>> = {
  // Of a decision, stage by stage.
  'Allowed: {} resources released, {} elements masked.': 'Erlaubt: {} Ressourcen herausgegeben, {} Angaben verdeckt.',
  '{} resources released, {} elements masked.': '{} Ressourcen herausgegeben, {} Angaben verdeckt.',
  '{} lines released, {} elements masked.': '{} Zeilen herausgegeben, {} Angaben verdeckt.',
  'Understood as {}.': 'Verstanden als {}.',
  'The scopes and the role allow the call.': 'Scopes und Rolle erlauben den Aufruf.',
  'No scope of the token allows the call.': 'Kein Scope des Tokens erlaubt den Aufruf.',
  'No role of the token allows the call for its purpose of use.':
    'Keine Rolle des Tokens erlaubt den Aufruf zu diesem Zweck.',
  'The role opens the Audit page.': 'Die Rolle öffnet die Seite Protokoll.',
  'The call names the patients whose records it touches.': 'Der Aufruf nennt die Patienten, deren Akten er berührt.',
  'The type belongs to no patient.': 'Diese Art von Ressource gehört keinem Patienten.',
  'Nothing is masked for this role.': 'Für diese Rolle wird nichts verdeckt.',
  'The masking policy of this role applies.': 'Die Richtlinie dieser Rolle verdeckt.',
  'No masking policy covers this role and purpose.': 'Keine Richtlinie gilt für diese Rolle und diesen Zweck.',
  'The masking policy of this role does not cover the resource type.':
    'Die Richtlinie dieser Rolle gilt nicht für diese Art von Ressource.',
  'the plan does not cover this type of resource': 'die Richtlinie gilt nicht für diese Art von Ressource',
  'a rule removes the resource as a whole': 'eine Regel entfernt die ganze Ressource',
  'The access token was not accepted.': 'Das Zugriffstoken wurde nicht angenommen.',
  'The call carries no access token.': 'Der Aufruf trägt kein Zugriffstoken.',
  'The client may not call so often, or not from there.':
    'Das Programm darf nicht so oft aufrufen oder nicht von dort aus.',
  // Of consent.
  'The patient has granted this access.': 'Die Person hat diesen Zugriff erlaubt.',
  'The patient permits this access.': 'Die Person erlaubt diesen Zugriff.',
  'The patient has refused this access.': 'Die Person hat diesen Zugriff abgelehnt.',
  'The patient has granted nothing to this caller.': 'Die Person hat dem Aufrufer nichts erlaubt.',
  'The patient has granted this caller access for other purposes only.':
    'Die Person hat dem Aufrufer nur andere Zwecke erlaubt.',
  'The patient has granted this caller other actions only.':
    'Die Person hat dem Aufrufer nur andere Handlungen erlaubt.',
  'The consent has not begun yet.': 'Die Einwilligung gilt noch nicht.',
  'The consent has expired.': 'Die Einwilligung ist abgelaufen.',
  'The consent does not cover this kind of data.': 'Die Einwilligung gilt nicht für diese Art von Daten.',
  'The data is sensitive and the consent does not name its label.':
    'Die Daten sind besonders geschützt, und die Einwilligung nennt ihre Kennzeichnung nicht.',
  'The consent does not cover data of this time.': 'Die Einwilligung gilt nicht für Daten aus dieser Zeit.',
  'The consent needs a fact, such as a referral, that is not attested or has expired.':
    'Die Einwilligung verlangt eine Tatsache, etwa eine Überweisung, die nicht bestätigt oder abgelaufen ist.',
  'The consent covers this access.': 'Die Einwilligung deckt diesen Zugriff.',
  'There is no active consent of this patient.': 'Es gibt keine geltende Einwilligung dieser Person.',
  'No patient is named, so nobody can permit.': 'Kein Patient ist genannt, also kann niemand erlauben.',
  'Patients see their own record.': 'Wer behandelt wird, sieht die eigene Akte.',
  'The purpose of use needs no consent here.': 'Dieser Zweck braucht hier keine Einwilligung.',
  'The purpose of use is open unless the patient refuses, and the patient has not refused.':
    'Dieser Zweck ist offen, solange die Person nicht ablehnt, und sie hat nicht abgelehnt.',
  'This gateway does not serve this purpose of use.': 'Dieses Gateway bedient diesen Zweck nicht.',
  'Emergency access with a stated reason; it will be reviewed.': 'Notfallzugriff mit Begründung; er wird geprüft.',
  'The state of consent cannot be verified.': 'Der Stand der Einwilligungen lässt sich nicht prüfen.',
  'The state of the chain is too old or not proven.': 'Der Stand der Kette ist zu alt oder nicht bewiesen.',
  'Labels of the data: {}.': 'Kennzeichnung der Daten: {}.',
  'Consent granted.': 'Einwilligung erteilt.',
  'Consent revoked.': 'Einwilligung zurückgenommen.',
  // Of risk: why an access stood out.
  'The risk of this call asks for more masking: an overlay is laid over the policy of this role.':
    'Das Risiko dieses Aufrufs verlangt, mehr zu verdecken: über der Richtlinie dieser Rolle liegt eine weitere.',
  'The risk of this call asks for more masking, and the policies have no overlay for it.':
    'Das Risiko dieses Aufrufs verlangt, mehr zu verdecken, und die Richtlinien haben nichts dafür.',
  'More calls within the minute than a caller is given whose calls score so high.':
    'Mehr Aufrufe in der Minute, als jemand erhält, dessen Aufrufe so auffallen.',
  '{} different patients within the hour without a link, with {} of 2 further kinds of signs of harvesting.':
    '{} verschiedene Patienten ohne Verbindung in einer Stunde, dazu {} von 2 weiteren Anzeichen für Abgreifen.',
  'No encounter, appointment, order, referral or care team links the user and the patient.':
    'Kein Besuch, Termin, Auftrag, keine Überweisung und kein Behandlungsteam verbindet die beiden.',
  'The patient is not under care in the department of the user.':
    'Die Person wird nicht in der Abteilung des Benutzers behandelt.',
  'The patient is under care elsewhere, not with the user.': 'Die Person wird anderswo behandelt, nicht beim Benutzer.',
  'The patient has no current care in the house at all.': 'Die Person ist derzeit gar nicht im Haus in Behandlung.',
  'Nothing is on record that would bring the patient here.': 'Nichts ist bekannt, was die Person hierher führte.',
  'People in this role seldom open records of patients in this situation.':
    'Menschen in dieser Rolle öffnen selten Akten in dieser Lage.',
  'The only link was made by the user within the day before, or was cancelled.':
    'Die einzige Verbindung hat der Benutzer selbst am Tag davor angelegt, oder sie wurde aufgehoben.',
  'The user has not opened this record before.': 'Der Benutzer hat diese Akte noch nie geöffnet.',
  'No earlier explained access of the user to this record.':
    'Keinen früheren Zugriff des Benutzers auf diese Akte erklärt etwas.',
  'The user returns to this record again and again without a link.':
    'Der Benutzer kehrt ohne Verbindung immer wieder zu dieser Akte zurück.',
  'Nobody else of the department has opened this record lately.':
    'Niemand sonst aus der Abteilung hat diese Akte in letzter Zeit geöffnet.',
  'Colleagues seldom open records of patients of that department.':
    'Kollegen öffnen selten Akten von Patienten jener Abteilung.',
  'User and patient share a rare surname.': 'Benutzer und Patient haben denselben seltenen Nachnamen.',
  'User and patient share a home address.': 'Benutzer und Patient wohnen unter derselben Anschrift.',
  'User and patient live in the same street or postcode.':
    'Benutzer und Patient wohnen in derselben Straße oder im selben Postleitgebiet.',
  'The patient works here.': 'Die Person arbeitet hier.',
  'The record is one of special public interest.': 'An dieser Akte besteht besonderes öffentliches Interesse.',
  'The user opens the own record.': 'Der Benutzer öffnet die eigene Akte.',
  'Several people without a link have opened this record within days.':
    'Mehrere Menschen ohne Verbindung haben diese Akte binnen Tagen geöffnet.',
  'A private link and no professional one.': 'Eine private Verbindung und keine berufliche.',
  'Repeated accesses to people with a private link over weeks.':
    'Über Wochen wiederholte Zugriffe auf Menschen mit privater Verbindung.',
  'The user is seldom active at this hour.': 'Der Benutzer ist um diese Uhrzeit selten tätig.',
  'Colleagues are seldom active at this hour.': 'Kollegen sind um diese Uhrzeit selten tätig.',
  'The user is not on shift.': 'Der Benutzer hat keinen Dienst.',
  'Far more calls within the hour than colleagues make.': 'Weit mehr Aufrufe in der Stunde als bei Kollegen.',
  'Far more different patients within the hour than colleagues see.':
    'Weit mehr verschiedene Patienten in der Stunde als bei Kollegen.',
  'Far more different patients within the day than colleagues see.':
    'Weit mehr verschiedene Patienten am Tag als bei Kollegen.',
  'Far more different patients than this user usually sees.': 'Weit mehr verschiedene Patienten als sonst.',
  'Nearly all records opened today are new to the user.': 'Fast alle heute geöffneten Akten sind dem Benutzer neu.',
  'Most of the records opened today have no link to the user.':
    'Zu den meisten heute geöffneten Akten gibt es keine Verbindung.',
  'Several records without a link within the hour.': 'Mehrere Akten ohne Verbindung in einer Stunde.',
  'Several records without a link within the day.': 'Mehrere Akten ohne Verbindung an einem Tag.',
  'More records without a link this week than colleagues open.':
    'In dieser Woche mehr Akten ohne Verbindung als bei Kollegen.',
  'More records without a link this month than colleagues open.':
    'In diesem Monat mehr Akten ohne Verbindung als bei Kollegen.',
  'More records without a link this quarter than colleagues open.':
    'In diesem Vierteljahr mehr Akten ohne Verbindung als bei Kollegen.',
  'More records without a link than this user usually opens.': 'Mehr Akten ohne Verbindung als sonst.',
  'The share of records without a link has been rising for days.':
    'Der Anteil von Akten ohne Verbindung steigt seit Tagen.',
  'Unusually many kinds of records are being read.': 'Ungewöhnlich viele Arten von Daten werden gelesen.',
  'People in this role seldom read this kind of record.': 'Menschen in dieser Rolle lesen diese Art von Daten selten.',
  'People in this role seldom make this kind of call.': 'Menschen in dieser Rolle rufen selten so auf.',
  'The stated purpose is unusual for this role.': 'Der genannte Zweck ist für diese Rolle ungewöhnlich.',
  'A whole record or many records are taken out at once.':
    'Eine ganze Akte oder viele Akten werden auf einmal mitgenommen.',
  'The answer holds far more records than colleagues receive.': 'Die Antwort enthält weit mehr Daten als bei Kollegen.',
  'Search results name many patients without a link.': 'Suchergebnisse nennen viele Patienten ohne Verbindung.',
  'A search by name or personal number.': 'Eine Suche nach einem Namen oder einer persönlichen Nummer.',
  'The record was found by searching for a name.': 'Die Akte wurde über eine Namenssuche gefunden.',
  'Search after search without opening a record.': 'Suche um Suche, ohne eine Akte zu öffnen.',
  'Far more searches for people than colleagues make.': 'Weit mehr Suchen nach Menschen als bei Kollegen.',
  'Searches over all patients rather than one.': 'Suchen über alle Patienten statt über einen.',
  'Many calls were refused.': 'Viele Aufrufe wurden abgelehnt.',
  'Records are opened in the order of their numbers.': 'Akten werden in der Reihenfolge ihrer Nummern geöffnet.',
  'Emergency access.': 'Notfallzugriff.',
  'Emergency access far more often than colleagues.': 'Notfallzugriffe weit öfter als bei Kollegen.',
  'Emergency access without a stated reason.': 'Notfallzugriff ohne Begründung.',
  'A network the user has not come from before.': 'Ein Netz, aus dem der Benutzer noch nie kam.',
  'A device the user has not used before.': 'Ein Gerät, das der Benutzer noch nie benutzt hat.',
  'An application or browser the user has not used before.':
    'Ein Programm oder Browser, den der Benutzer noch nie benutzt hat.',
  'The account is active in two networks at once.': 'Das Konto ist in zwei Netzen zugleich tätig.',
  'The account had been silent for weeks.': 'Das Konto hatte wochenlang geruht.',
  'The person is not employed at that time, by the staff list.':
    'Die Person ist zu dieser Zeit laut Personalliste nicht angestellt.',
  'The role in the call is not the one in the staff list.': 'Die Rolle im Aufruf ist nicht die aus der Personalliste.',
  'A service account is being used like a person.': 'Ein technisches Konto wird wie von einem Menschen benutzt.',
  'The call touches no patient (source: the answer).': 'Der Aufruf berührt keinen Patienten (Quelle: die Antwort).',
  'The user had a documented link to this record within the past 30 days (source: access history).':
    'In den letzten 30 Tagen gab es eine dokumentierte Verbindung zu dieser Akte (Quelle: frühere Zugriffe).',
  'Records in this state of care are the ordinary work of this role (source: access history of colleagues).':
    'Akten in dieser Lage sind die gewöhnliche Arbeit dieser Rolle (Quelle: Zugriffe der Kollegen).',
  'Colleagues of the department are writing in this record (source: access history of the department).':
    'Kollegen der Abteilung schreiben in dieser Akte (Quelle: Zugriffe der Abteilung).',
  // What the shipped element classes are called.
  'Vehicles and accidents': 'Fahrzeuge und Unfälle',
  Ages: 'Lebensalter',
  Biometrics: 'Biometrische Merkmale',
  'Dates of birth': 'Geburtsdaten',
  'Names told by extension': 'Namen in Erweiterungen',
  'Phone, fax, e-mail': 'Telefon, Fax, E-Mail',
  Dates: 'Datumsangaben',
  'Device identifiers and serial numbers': 'Geräte- und Seriennummern',
  'Diagnoses and findings': 'Diagnosen und Befunde',
  'Documents and attachments': 'Dokumente und Anhänge',
  'Relatives and contacts': 'Angehörige und Kontaktpersonen',
  'Postal codes outside the US': 'Postleitzahlen außerhalb der USA',
  'Free text': 'Freitext',
  'Driving licences, passports and the like': 'Führerscheine, Pässe und Ähnliches',
  Identifiers: 'Kennungen',
  'Certificates and licences': 'Zeugnisse und Zulassungen',
  'Web addresses': 'Webadressen',
  'Names of people': 'Namen von Menschen',
  Narrative: 'Textfassung',
  'IP addresses': 'IP-Adressen',
  'Notes and comments': 'Notizen und Bemerkungen',
  'Numbers by extension': 'Nummern in Erweiterungen',
  'Other unique numbers and characteristics': 'Andere eindeutige Nummern und Merkmale',
  Photographs: 'Fotos',
  'Health plan and account numbers': 'Versicherungs- und Kontonummern',
  'Postal codes': 'Postleitzahlen',
  'Codes of race and ethnicity': 'Codes für Herkunft und Ethnie',
  'Race and ethnicity': 'Herkunft und Ethnie',
  'Sex at birth': 'Geschlecht bei der Geburt',
  'Social security numbers': 'Sozialversicherungsnummern',
  'Geography below state': 'Orte unterhalb des Bundeslandes',
};

interface Pattern {
  readonly match: RegExp;
  readonly words: string;
}

const quoted = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const patternsOf = (phrases: Readonly<Record<string, string>>): readonly Pattern[] =>
  Object.entries(phrases)
    .filter(([text]) => text.includes('{}'))
    .map(([text, words]) => ({ match: new RegExp(`^${text.split('{}').map(quoted).join('(.+)')}$`), words }));

const books = { de: { phrases: de, patterns: patternsOf(de) } } as const;

/** `undefined`: no translation is known, as of what a house wrote into its own policies. */
export const phraseIn = (language: 'en' | keyof typeof books, text: string): string | undefined => {
  if (language === 'en') return text;
  const { phrases, patterns } = books[language];
  const known = Object.hasOwn(phrases, text) ? phrases[text] : undefined;
  if (known !== undefined) return known;
  for (const { match, words } of patterns) {
    const found = match.exec(text);
    if (found === null) continue;
    const values = found.slice(1);
    return words.replace(/\{\}/g, () => values.shift() ?? '');
  }
  return undefined;
};
