/** What the gateway tells the page before anybody is logged in; it stands in the page itself. */
export interface ConsoleSettings {
  /** `iss` of the tokens, and how people log in there; endpoints are absent while the issuer cannot be reached. */
  readonly issuer: string;
  readonly authorizationEndpoint?: string;
  readonly tokenEndpoint?: string;
  readonly endSessionEndpoint?: string;
  readonly clientId: string;
  readonly scopes: string;
  /** FHIR base URL: SMART `aud`. */
  readonly audience: string;
  /** For people: which organisation's gateway this is, and whether it is the sandbox. */
  readonly organisation: string;
  readonly sandbox: boolean;
}
