import { type Static, Type } from '@sinclair/typebox';

const strict = { additionalProperties: false } as const;

/** A secret is named, never written: `env:NAME` or `file:PATH`. */
const secret = (description: string) => Type.String({ pattern: '^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$', description });

const oneOf = <Name extends string>(...names: readonly Name[]) => Type.Union(names.map((name) => Type.Literal(name)));

const operation = Type.Object(
  {
    name: Type.String({ pattern: '^[A-Za-z][A-Za-z0-9-]{0,63}$', description: 'Without the dollar sign.' }),
    at: Type.Array(
      Type.Object(
        {
          level: oneOf('system', 'type', 'instance'),
          types: Type.Optional(Type.Array(Type.String(), { description: 'Where it is called; any type when absent.' })),
          subjects: Type.Union(
            [
              Type.Object({ by: oneOf('instance', 'criteria', 'body', 'all', 'none') }, strict),
              Type.Object({ by: Type.Literal('parameter'), name: Type.String() }, strict),
            ],
            {
              description:
                'How its patients are found: by the resource in the path, its search criteria, the resource in the body, a parameter with references; all: anyone; none: it touches no patient.',
            },
          ),
        },
        strict,
      ),
      { minItems: 1, description: 'Where it can be called.' },
    ),
    methods: Type.Array(oneOf('GET', 'POST'), { minItems: 1, default: ['POST'], description: 'HTTP methods.' }),
    acts: Type.Union([Type.Literal('read'), Type.Literal('search')], {
      default: 'search',
      description: 'What it does with records, for scopes and consent.',
    }),
    parameters: Type.Record(Type.String(), oneOf('instant', 'types', 'id', 'text', 'reference', 'boolean', 'integer'), {
      default: {},
      description: 'Its parameters and their kinds; others are refused.',
    }),
    parts: Type.Optional(
      Type.Array(Type.String(), {
        description: 'Parts of its Parameters body that hold a resource or a complex value.',
      }),
    ),
  },
  strict,
);

/** The one schema of file, environment and flags; docs/configuration.md and the JSON Schema for editors come from it. */
export const configSchema = Type.Object(
  {
    profile: Type.Union([Type.Literal('production'), Type.Literal('sandbox')], {
      default: 'production',
      description: 'sandbox allows only upstreams, issuers and chains on this machine.',
    }),
    listen: Type.Object(
      {
        host: Type.String({ default: '127.0.0.1', description: 'Address to listen on.' }),
        port: Type.Integer({ minimum: 0, maximum: 65535, default: 8080, description: 'Port; 0 takes any free one.' }),
      },
      { ...strict, default: {} },
    ),
    publicUrl: Type.Optional(
      Type.String({
        pattern: '^https?://',
        description: 'How clients reach the gateway, without the FHIR path. Default: the listening address.',
      }),
    ),
    trustProxy: Type.Array(Type.String(), {
      default: [],
      description: 'Addresses of proxies whose X-Forwarded-For is believed.',
    }),
    organisation: Type.String({
      pattern: '^Organization/[A-Za-z0-9.-]{1,64}$',
      description: 'The organisation for which this gateway stands: part of every pseudonym.',
    }),
    upstream: Type.Object(
      {
        url: Type.String({ pattern: '^https?://', description: 'Base URL of the FHIR R4 server.' }),
        bearer: Type.Optional(secret("The gateway's own token for the FHIR server.")),
        ca: Type.Optional(Type.String({ description: 'PEM file of the certificate authority of the FHIR server.' })),
        timeoutMs: Type.Integer({ minimum: 1, default: 15000, description: 'How long an answer may take.' }),
      },
      strict,
    ),
    issuers: Type.Array(
      Type.Object(
        {
          issuer: Type.String({ minLength: 1, description: 'The `iss` of its tokens.' }),
          audience: Type.String({ minLength: 1, description: 'The `aud` that its tokens for this gateway carry.' }),
          algorithms: Type.Array(Type.Union([Type.Literal('RS256'), Type.Literal('ES256'), Type.Literal('EdDSA')]), {
            minItems: 1,
            default: ['RS256', 'ES256', 'EdDSA'],
            description: 'Signature algorithms that are believed; symmetric ones and `none` never are.',
          }),
          jwksUri: Type.Optional(Type.String({ pattern: '^https?://', description: 'Where its keys are.' })),
          jwksFile: Type.Optional(
            Type.String({ description: 'Its keys as a JWKS file; give this or jwksUri, and one of them only.' }),
          ),
          claims: Type.Optional(
            Type.Object(
              {
                names: Type.Optional(
                  Type.Object(
                    {
                      roles: Type.Optional(Type.String({ description: 'Claim that lists the roles.' })),
                      organisation: Type.Optional(Type.String({ description: 'Claim with the organisation.' })),
                      purpose: Type.Optional(Type.String({ description: 'Claim with the purpose of use.' })),
                      study: Type.Optional(Type.String({ description: 'Claim with the research study.' })),
                      reason: Type.Optional(
                        Type.String({ description: 'Claim with the reason of an emergency access.' }),
                      ),
                    },
                    { ...strict, description: 'Under which names its tokens carry what the gateway reads.' },
                  ),
                ),
                defaultPurpose: Type.Optional(Type.String({ description: 'Purpose of use of tokens that name none.' })),
              },
              strict,
            ),
          ),
        },
        strict,
      ),
      { minItems: 1, description: 'Whose tokens are believed.' },
    ),
    chain: Type.Object(
      {
        rpcUrls: Type.Array(Type.String({ pattern: '^(https?|wss?)://' }), {
          minItems: 1,
          description: 'RPC endpoints of the EVM network.',
        }),
        quorum: Type.Optional(
          Type.Integer({ minimum: 1, description: 'How many endpoints must agree on a header. Default: a majority.' }),
        ),
        chainId: Type.Integer({
          minimum: 1,
          description: 'Chain id of the network; an endpoint of another is not believed.',
        }),
        consentRegistry: Type.String({
          pattern: '^0x[0-9a-fA-F]{40}$',
          description: 'Address of the ConsentRegistry contract.',
        }),
        attestations: Type.Optional(
          Type.String({ pattern: '^0x[0-9a-fA-F]{40}$', description: 'Address of the Attestations contract.' }),
        ),
        issuerRegistry: Type.Optional(
          Type.String({
            pattern: '^0x[0-9a-fA-F]{40}$',
            description:
              'Address of the IssuerRegistry contract: then keys of credential issuers count only while they are trusted there.',
          }),
        ),
        passkeyVerifier: Type.Optional(
          Type.String({
            pattern: '^0x[0-9a-fA-F]{40}$',
            description: 'Address of the PasskeyVerifier contract: then patients may sign with passkeys.',
          }),
        ),
        ledgerAnchor: Type.Optional(
          Type.String({
            pattern: '^0x[0-9a-fA-F]{40}$',
            description: 'Address of the LedgerAnchor contract; without it the ledger is not anchored.',
          }),
        ),
        relayerKey: Type.Optional(secret('Key of the account that relays signed grants and anchors the ledger.')),
        finality: Type.Union([Type.Literal('latest'), Type.Literal('safe'), Type.Literal('finalized')], {
          default: 'finalized',
          description: 'When a grant counts; revocations always count at `latest`.',
        }),
        maxHeadAgeSeconds: Type.Integer({
          minimum: 1,
          default: 60,
          description: 'With an older head, calls that need consent are refused.',
        }),
        pollMs: Type.Integer({
          minimum: 10,
          default: 1000,
          description: 'How often the chain is asked for its newest block.',
        }),
        fromBlock: Type.Integer({
          minimum: 0,
          default: 0,
          description: 'The block in which the contracts were deployed: no event is older.',
        }),
      },
      strict,
    ),
    consent: Type.Object(
      {
        peers: Type.Array(Type.String({ pattern: '^https?://' }), {
          default: [],
          description:
            'Base URLs of the other gateways on the same contract: they are told of revocations at once, and theirs are taken in.',
        }),
      },
      { ...strict, default: {} },
    ),
    data: Type.String({ default: '.consentry', description: 'Folder of ledger, vault, snapshots and queues.' }),
    vaultKey: secret('32 bytes in hex: encrypts the patient keys at rest.'),
    epoch: Type.Integer({ minimum: 1, default: 1, description: 'Pseudonyms on chain change with it.' }),
    ledger: Type.Object(
      {
        origin: Type.String({
          default: 'consentry.local/ledger',
          description: 'Origin line of the log (C2SP checkpoint).',
        }),
        store: Type.Union([Type.Literal('files'), Type.Literal('postgres')], {
          default: 'files',
          description: 'Where the log is kept: files in the data folder, for one gateway, or PostgreSQL, for several.',
        }),
        node: Type.Optional(
          Type.String({ minLength: 1, description: 'Name of this gateway in the entries. Default: the origin.' }),
        ),
        postgres: Type.Optional(
          Type.Object(
            {
              url: secret('postgres:// URL of the database; all gateways of a log name the same.'),
              signingKey: secret('PEM of the Ed25519 key that signs the log; the same for all of its gateways.'),
              payloadKey: secret(
                '32 bytes in hex: seals entries that belong to no patient; the same for all of its gateways.',
              ),
            },
            strict,
          ),
        ),
        retention: Type.Optional(
          Type.Object(
            {
              years: Type.Integer({
                minimum: 1,
                description: 'Closed logs whose newest entry is older may be retired.',
              }),
              underSixYears: Type.Boolean({
                default: false,
                description: 'Says that less than six years are meant, which is what HIPAA asks for.',
              }),
            },
            {
              ...strict,
              description:
                'How long entries are kept. Without it: for ever. Nothing is destroyed by itself: `consentry ledger retire`.',
            },
          ),
        ),
        anchorSeconds: Type.Number({
          minimum: 0.1,
          default: 60,
          description: 'How often the root is anchored on chain.',
        }),
        anchorFor: Type.Array(
          Type.Object(
            {
              url: Type.String({ pattern: '^https?://', description: 'Where it serves its log: https://HOST/ledger.' }),
              key: Type.String({ description: 'Verifier key (name+id+key) of its log.' }),
            },
            strict,
          ),
          {
            default: [],
            description:
              'Gateways of the house whose logs this one anchors in the same transaction as its own. The account of `chain.relayerKey` must be the writer of their origins; they need no account.',
          },
        ),
        mldsaSeed: Type.Optional(
          secret('32 bytes in hex: checkpoints carry a second signature, ML-DSA-44, made with the key of this seed.'),
        ),
        witness: Type.Optional(
          Type.Object(
            {
              name: Type.String({ minLength: 1, description: 'Name under which this gateway cosigns.' }),
              key: secret('PEM of the Ed25519 key with which it cosigns.'),
              mldsaSeed: Type.Optional(secret('32 bytes in hex: it cosigns with ML-DSA-44 too.')),
              logs: Type.Array(Type.String(), {
                minItems: 1,
                description: 'Verifier keys (name+id+key) of the logs that it is a witness of.',
              }),
            },
            { ...strict, description: 'Serve /witness/add-checkpoint (C2SP tlog-witness) for the logs of others.' },
          ),
        ),
        witnesses: Type.Array(
          Type.Object(
            {
              url: Type.String({ pattern: '^https?://', description: 'Submission prefix of the witness.' }),
              key: Type.String({ minLength: 1, description: 'Its verifier key (name+id+key).' }),
            },
            strict,
          ),
          { default: [], description: 'Witnesses that are asked to cosign the checkpoints of this log.' },
        ),
        witnessSeconds: Type.Number({ minimum: 0.1, default: 10, description: 'How often witnesses are asked.' }),
        timestamps: Type.Optional(
          Type.Object(
            {
              url: Type.String({ pattern: '^https?://', description: 'RFC 3161 time stamp authority.' }),
              everyHours: Type.Number({
                minimum: 0.001,
                default: 24,
                description: 'How often it signs the checkpoint.',
              }),
            },
            {
              ...strict,
              description: 'A second anchor beside the chain: a time stamp authority signs the checkpoint.',
            },
          ),
        ),
        syslog: Type.Optional(
          Type.Object(
            {
              host: Type.String({ minLength: 1, description: 'Host of the syslog server.' }),
              port: Type.Integer({ minimum: 1, maximum: 65535, default: 6514, description: 'Its port.' }),
              transport: Type.Union([Type.Literal('tls'), Type.Literal('tcp'), Type.Literal('udp')], {
                default: 'tls',
                description:
                  'How messages travel: tls (RFC 5425), tcp with octet counting (RFC 6587), or udp (RFC 5426).',
              }),
              ca: Type.Optional(Type.String({ description: 'PEM file of the authority of its certificate.' })),
            },
            { ...strict, description: 'Send who did what, without patients and records, as RFC 5424 messages.' },
          ),
        ),
        records: Type.Object(
          {
            check: Type.Boolean({
              default: true,
              description: 'Whether versions of records are notarised, and compared when they are read.',
            }),
            altered: Type.Union([Type.Literal('flag'), Type.Literal('refuse')], {
              default: 'flag',
              description: 'Whether a record that is not what was notarised is served with a flag, or held back.',
            }),
          },
          { ...strict, default: {} },
        ),
      },
      { ...strict, default: {} },
    ),
    policies: Type.String({ default: 'policies', description: 'Folder of masking, consent, role and risk policies.' }),
    maskingKey: Type.Optional(
      secret('32 bytes in hex: pseudonyms and date shifts hang on it. Default: kept in the data folder.'),
    ),
    formerMaskingKeys: Type.Array(secret('32 bytes in hex.'), {
      default: [],
      description: 'Masking keys that were replaced: pseudonyms given out under them are still understood.',
    }),
    trueIds: Type.Union([Type.Literal('understood'), Type.Literal('refused')], {
      default: 'understood',
      description:
        'Whether roles whose ids are pseudonyms may ask by a true id that they know from elsewhere; refused: it is answered like one of nobody, and tells nobody whose pseudonym is whose.',
    }),
    riskModel: Type.String({ default: 'models/risk.json', description: 'The risk model file.' }),
    limits: Type.Object(
      {
        bodyBytes: Type.Integer({
          minimum: 1024,
          default: 16 * 1024 * 1024,
          description: 'Largest body of a request.',
        }),
        answerBytes: Type.Integer({
          minimum: 1024,
          default: 64 * 1024 * 1024,
          description: 'Largest answer of the FHIR server that is read.',
        }),
        threadBytes: Type.Integer({
          minimum: 65_536,
          default: 256 * 1024,
          description: 'Bodies from this size on are read in a thread of their own, so that other calls need not wait.',
        }),
        threads: Type.Integer({ minimum: 1, maximum: 16, default: 2, description: 'Threads for that, at most.' }),
        pageSize: Type.Integer({
          minimum: 1,
          maximum: 5000,
          default: 200,
          description: 'Largest _count that is passed on.',
        }),
        rate: Type.Object(
          {
            requests: Type.Integer({
              minimum: 1,
              default: 600_000,
              description: 'Calls that one client may make for one user in that time, and at once.',
            }),
            seconds: Type.Integer({ minimum: 1, default: 60, description: 'The time.' }),
          },
          { ...strict, default: {} },
        ),
        pageSeconds: Type.Integer({ minimum: 1, default: 3600, description: 'How long a paging link works.' }),
      },
      { ...strict, default: {} },
    ),
    bulk: Type.Object(
      {
        seconds: Type.Integer({
          minimum: 60,
          default: 86_400,
          description: 'How long the links of a bulk export work, counted from its kick-off.',
        }),
        fileBytes: Type.Integer({
          minimum: 1024,
          default: 4 * 1024 * 1024 * 1024,
          description: 'Largest file of an export, decoded. It lies on disk, encrypted, while it is sent.',
        }),
        atOnce: Type.Integer({ minimum: 1, default: 4, description: 'Files made ready at the same time.' }),
        fileOrigins: Type.Array(Type.String({ pattern: '^https?://[^/]+$' }), {
          default: [],
          description: "Origins beside the FHIR server's own where it keeps the files of an export.",
        }),
      },
      { ...strict, default: {} },
    ),
    facts: Type.Object(
      {
        everySeconds: Type.Number({
          minimum: 1,
          default: 60,
          description: 'How often relationships are read from the FHIR server.',
        }),
        maxPages: Type.Integer({ minimum: 0, default: 500, description: 'Most pages of a type read in one round.' }),
      },
      { ...strict, default: {} },
    ),
    threatFeeds: Type.Object(
      {
        servers: Type.Array(
          Type.Object(
            {
              name: Type.String({ minLength: 1, maxLength: 100, description: 'How status and alarms call it.' }),
              url: Type.String({
                pattern: '^https?://',
                description: 'Its discovery resource, or one API root.',
              }),
              collections: Type.Optional(
                Type.Array(Type.String(), { description: 'Ids of collections. Default: all that may be read.' }),
              ),
              authorization: Type.Optional(secret('The value of its Authorization header.')),
            },
            strict,
          ),
          { default: [], description: 'TAXII 2.1 servers with indicators of threats.' },
        ),
        folder: Type.Optional(
          Type.String({
            description: 'Folder of STIX 2.1 bundles, lists of addresses and catalogues, for houses without a way out.',
          }),
        ),
        exploited: Type.Optional(
          Type.String({
            pattern: '^https?://',
            description: 'Catalogue of exploited vulnerabilities (the JSON form of KEV).',
          }),
        ),
        ownNetworks: Type.Array(Type.String(), {
          default: [],
          description: 'Addresses and CIDR ranges of the house, which no list may name; private ones never may.',
        }),
        everySeconds: Type.Number({ minimum: 1, default: 900, description: 'How often feeds are renewed.' }),
        timeoutMs: Type.Integer({ minimum: 1, default: 60000, description: 'How long one round of a feed may take.' }),
      },
      { ...strict, default: {} },
    ),
    clients: Type.Array(Type.String(), {
      default: [],
      description:
        'Client ids of the applications that are registered with the house; where any are named, others weigh as strange in the risk score.',
    }),
    credentials: Type.Object(
      {
        issuers: Type.Array(
          Type.Object(
            {
              issuer: Type.String({ minLength: 1, description: 'The `iss` of its credentials.' }),
              jwksUri: Type.String({ pattern: '^https?://', description: 'Where its keys are.' }),
            },
            strict,
          ),
          { default: [], description: 'Whose researcher credentials (SD-JWT VC) are believed.' },
        ),
        types: Type.Array(Type.String(), { default: [], description: 'The `vct` of credentials that are taken.' }),
      },
      { ...strict, default: {} },
    ),
    operations: Type.Array(operation, {
      default: [],
      description:
        'Operations of the FHIR server beyond those of FHIR itself, and how each names the patients it touches; one that is not named is refused.',
    }),
    console: Type.Optional(
      Type.Object(
        {
          clientId: Type.String({
            default: 'consentry-console',
            description: "Client id of the officers' console: a public client (PKCE) that redirects to /console/.",
          }),
          patientClientId: Type.String({
            default: 'consentry-my',
            description: 'Client id of the patient pages: a public client (PKCE) that redirects to /my/.',
          }),
          issuer: Type.Optional(
            Type.String({ description: 'Which of `issuers` people log in at. Default: the first.' }),
          ),
          scopes: Type.String({
            default: 'openid profile fhirUser user/*.rs consentry/officer',
            description: 'Scopes that the console asks for.',
          }),
          patientScopes: Type.String({
            default: 'openid profile fhirUser launch/patient patient/*.rs patient/Consent.cud',
            description: 'Scopes that the patient pages ask for.',
          }),
        },
        { ...strict, description: "Serves the officers' console at /console/ and the patient pages at /my/." },
      ),
    ),
    corsOrigins: Type.Array(Type.String(), {
      default: [],
      description: 'Origins from which any app may call, but for those in browserApps.',
    }),
    browserApps: Type.Array(
      Type.Object(
        {
          client: Type.String({ minLength: 1, description: 'Client id of the app.' }),
          origins: Type.Array(Type.String({ pattern: '^https?://[^/]+$' }), {
            minItems: 1,
            description: 'Origins of its pages.',
          }),
        },
        strict,
      ),
      {
        default: [],
        description: 'Apps that may be called from their own pages only; their origins serve no other app.',
      },
    ),
  },
  strict,
);

export type Config = Static<typeof configSchema>;
