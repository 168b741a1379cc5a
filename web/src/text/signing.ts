import { texts } from '../text.tsx';

export const signingText = texts(
  {
    title: 'How you sign',
    guardian: 'You sign with your own wallet, in this browser.',
    passkeyName: 'My health record',
    now: {
      kept: 'Your hospital keeps a key for you. It signs when you are logged in and press a button here, and never else.',
      passkey:
        'You sign with a passkey: your phone or computer asks for your fingerprint, your face or your PIN each time.',
      wallet: 'You sign with your wallet. It asks you each time.',
    },
    change: {
      kept: 'Let my hospital keep a key',
      passkey: 'Sign with a passkey',
      wallet: 'Sign with my wallet',
    },
    another: 'Sign with a new passkey',
    becomes: {
      kept: 'Your hospital makes a new key and keeps it for you. It signs when you are logged in and press a button here.',
      passkey:
        'Your phone or computer makes a passkey now. From then on it asks for your fingerprint, your face or your PIN before anything is allowed or taken back.',
      wallet: 'From then on the account in your wallet signs. It asks you before anything is allowed or taken back.',
    },
    presentFirst: {
      passkey: 'Your passkey is asked once more, to agree.',
      wallet: 'Your wallet is asked once more, to agree.',
    },
    oldOne: {
      kept: 'The key at your hospital cannot sign for you any more. What you have chosen so far stays.',
      passkey: 'The passkey so far cannot sign for you any more. What you have chosen so far stays.',
      wallet: 'Your wallet cannot sign for you any more. What you have chosen so far stays.',
    },
    loss: 'If you lose it, nobody can change your choices here, not even your hospital. So first name somebody under “Who may decide for me”, or choose end dates.',
    agree: 'Yes, change it',
    leave: 'Leave it as it is',
  },
  {
    de: {
      title: 'Wie Sie unterschreiben',
      guardian: 'Sie unterschreiben mit Ihrer eigenen Wallet, in diesem Browser.',
      passkeyName: 'Meine Gesundheitsakte',
      now: {
        kept: 'Ihr Krankenhaus bewahrt einen Schlüssel für Sie auf. Er unterschreibt, wenn Sie angemeldet sind und hier auf einen Knopf drücken, und sonst nie.',
        passkey:
          'Sie unterschreiben mit einem Passkey: Ihr Telefon oder Computer fragt jedes Mal nach Fingerabdruck, Gesicht oder PIN.',
        wallet: 'Sie unterschreiben mit Ihrer Wallet. Sie fragt Sie jedes Mal.',
      },
      change: {
        kept: 'Mein Krankenhaus soll einen Schlüssel aufbewahren',
        passkey: 'Mit einem Passkey unterschreiben',
        wallet: 'Mit meiner Wallet unterschreiben',
      },
      another: 'Mit einem neuen Passkey unterschreiben',
      becomes: {
        kept: 'Ihr Krankenhaus macht einen neuen Schlüssel und bewahrt ihn für Sie auf. Er unterschreibt, wenn Sie angemeldet sind und hier auf einen Knopf drücken.',
        passkey:
          'Ihr Telefon oder Computer macht jetzt einen Passkey. Von da an fragt es nach Fingerabdruck, Gesicht oder PIN, bevor etwas erlaubt oder zurückgenommen wird.',
        wallet:
          'Von da an unterschreibt das Konto in Ihrer Wallet. Sie fragt Sie, bevor etwas erlaubt oder zurückgenommen wird.',
      },
      presentFirst: {
        passkey: 'Ihr bisheriger Passkey wird noch einmal gefragt, ob Sie einverstanden sind.',
        wallet: 'Ihre Wallet wird noch einmal gefragt, ob Sie einverstanden sind.',
      },
      oldOne: {
        kept: 'Der Schlüssel im Krankenhaus kann dann nicht mehr für Sie unterschreiben. Ihre bisherigen Entscheidungen bleiben.',
        passkey:
          'Der bisherige Passkey kann dann nicht mehr für Sie unterschreiben. Ihre bisherigen Entscheidungen bleiben.',
        wallet: 'Ihre Wallet kann dann nicht mehr für Sie unterschreiben. Ihre bisherigen Entscheidungen bleiben.',
      },
      loss: 'Wenn Sie ihn oder sie verlieren, kann niemand mehr Ihre Entscheidungen hier ändern, auch nicht Ihr Krankenhaus. Bestimmen Sie deshalb vorher jemanden unter „Wer für mich entscheiden darf“, oder wählen Sie ein Ende.',
      agree: 'Ja, ändern',
      leave: 'So lassen',
    },
  },
);
