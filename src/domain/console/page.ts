/** The pages of the officers' console. Which role opens which stands in policies/roles.yaml, and nowhere else. */
export const consolePages = ['overview', 'policies', 'audit', 'risk', 'consent', 'system'] as const;

export type ConsolePage = (typeof consolePages)[number];

/** What `GET /api/v1/me` tells a caller about themselves. */
export interface Me {
  readonly user: string;
  readonly client: string;
  readonly organisation?: string;
  readonly roles: readonly string[];
  readonly purpose: string;
  /** Whose record the patient pages show: the caller's own, or that of the person they are guardian of. */
  readonly patient?: string;
  readonly guardian?: true;
  readonly pages: readonly ConsolePage[];
}
