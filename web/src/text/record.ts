import { texts } from '../text.tsx';

export const recordText = texts(
  {
    title: 'Who saw my record',
    intro:
      'Every look at your record is written down before anything is shown, refused ones too. Nobody can tear out a page unnoticed.',
    guardian: 'You are looking at the record of the person you act for.',
    showSelf: 'Show what I looked at myself',
    print: 'Print',
    older: 'Show older ones',
    empty: 'Nobody else has looked at your record yet.',
    looked: (what: string, purpose: string) => `looked at ${what} ${purpose}`.trim(),
    changed: (what: string, purpose: string) => `changed ${what} ${purpose}`.trim(),
    refused: (what: string, purpose: string) => `wanted to see ${what} ${purpose}`.trim(),
    emergency: (what: string, purpose: string) => `looked at ${what} ${purpose}`.trim(),
    through: (program: string) => `With the program “${program}”.`,
    hidden: (count: string, one: boolean, what: string) =>
      `${one ? 'One detail was hidden' : `${count} details were hidden`}${what === '' ? '' : `: ${what}`}.`,
    allowed: 'You had allowed it.',
    nothingShown: 'It was refused. Nothing was shown.',
    reviewed: 'It was an emergency: somebody else checks whether it was right.',
    tagRefused: 'refused',
    tagEmergency: 'emergency',
    proof: 'Proof',
    proofHelp: 'A file with which anybody can check, without asking the hospital, that this stands in the book',
    question: 'Ask about this',
    questionTitle: 'Ask about this access',
    questionHelp: 'Send these words to your hospital’s privacy office, or read them out on the phone.',
    questionText: (who: string, when: string, what: string, number: string) =>
      `I have a question about an access to my health record.\n\n${who} ${what}, ${when}.\nNumber of the entry: ${number}\n\nPlease tell me why this was necessary.`,
    mail: 'Write an e-mail',
    mailSubject: 'Question about an access to my health record',
    choices: 'Change who may look',
  },
  {
    de: {
      title: 'Wer hat meine Akte gesehen',
      intro:
        'Jeder Blick in Ihre Akte wird aufgeschrieben, bevor etwas gezeigt wird, auch abgelehnte. Niemand kann unbemerkt eine Seite herausreißen.',
      guardian: 'Sie sehen die Akte der Person, für die Sie handeln.',
      showSelf: 'Auch zeigen, was ich selbst angesehen habe',
      print: 'Drucken',
      older: 'Ältere zeigen',
      empty: 'Noch hat niemand sonst Ihre Akte angesehen.',
      looked: (what: string, purpose: string) => `hat ${what} angesehen, ${purpose}`.replace(/, $/, ''),
      changed: (what: string, purpose: string) => `hat ${what} geändert, ${purpose}`.replace(/, $/, ''),
      refused: (what: string, purpose: string) => `wollte ${what} ansehen, ${purpose}`.replace(/, $/, ''),
      emergency: (what: string, purpose: string) => `hat ${what} angesehen, ${purpose}`.replace(/, $/, ''),
      through: (program: string) => `Mit dem Programm „${program}“.`,
      hidden: (count: string, one: boolean, what: string) =>
        `${one ? 'Eine Angabe war verdeckt' : `${count} Angaben waren verdeckt`}${what === '' ? '' : `: ${what}`}.`,
      allowed: 'Sie hatten es erlaubt.',
      nothingShown: 'Es wurde abgelehnt. Nichts wurde gezeigt.',
      reviewed: 'Es war ein Notfall: jemand anderes prüft, ob es richtig war.',
      tagRefused: 'abgelehnt',
      tagEmergency: 'Notfall',
      proof: 'Beleg',
      proofHelp: 'Eine Datei, mit der jeder ohne Rückfrage beim Krankenhaus prüfen kann, dass dies im Buch steht',
      question: 'Dazu fragen',
      questionTitle: 'Zu diesem Zugriff fragen',
      questionHelp:
        'Schicken Sie diese Worte der Datenschutzstelle Ihres Krankenhauses, oder lesen Sie sie am Telefon vor.',
      questionText: (who: string, when: string, what: string, number: string) =>
        `Ich habe eine Frage zu einem Zugriff auf meine Gesundheitsakte.\n\n${who} ${what}, ${when}.\nNummer des Eintrags: ${number}\n\nBitte sagen Sie mir, warum das nötig war.`,
      mail: 'E-Mail schreiben',
      mailSubject: 'Frage zu einem Zugriff auf meine Gesundheitsakte',
      choices: 'Ändern, wer nachsehen darf',
    },
  },
);
