/** `GET /api/v1/system`: what runs here, with what, and since when. No secret, no identifier of a person. */
export interface SystemState {
  readonly at: number;
  readonly version: string;
  readonly startedAt: number;
  readonly profile: string;
  readonly parts: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
  readonly upstream: {
    readonly url: string;
    /** Whether `/metadata` was answered just now; the code of the fault when not. */
    readonly answered: boolean;
    readonly fault?: string;
    readonly milliseconds: number;
    readonly software?: string;
    readonly fhirVersion?: string;
  };
  readonly issuers: readonly { readonly issuer: string; readonly known: boolean }[];
  readonly chain: {
    readonly chainId: number;
    readonly registry: string;
    readonly finality: string;
    readonly head?: number;
    readonly lag?: number;
    readonly grants: number;
    readonly reorgs: number;
    readonly problem?: string;
    readonly endpoints: readonly ChainEndpoint[];
    readonly relayer?: { readonly address: string; readonly pending: number; readonly failed: number };
  };
  readonly ledger: {
    readonly origin: string;
    readonly verifierKey: string;
    readonly size: number;
    readonly published: number;
    readonly anchored?: { readonly size: number; readonly at: number };
    readonly witnesses: readonly string[];
  };
  readonly keys: readonly KeyState[];
  readonly policies: { readonly hash: string; readonly detail: string };
  readonly configuration: readonly Setting[];
}

export interface ChainEndpoint {
  readonly host: string;
  readonly healthy: boolean;
  readonly height?: number;
  readonly failures: number;
  readonly lies: number;
}

export interface KeyState {
  readonly use: 'vault' | 'masking' | 'relayer' | 'ledger-signing';
  /** `environment`: its age is not known here. */
  readonly kept: 'environment' | 'file' | 'data-folder';
  readonly since?: number;
}

export interface Setting {
  readonly path: string;
  readonly value: string;
  readonly origin: 'default' | 'file' | 'environment' | 'flag';
}
