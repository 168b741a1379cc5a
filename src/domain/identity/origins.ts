/** Which pages each registered app runs on. */
export interface BrowserApp {
  readonly client: string;
  readonly origins: readonly string[];
}

/**
 * Whether a page of this origin may call as this client. A registered app is called from its own pages only, and its pages
 * lend their origin to no other app. Calls without an origin come from no page.
 */
export function mayCallFrom(apps: readonly BrowserApp[], client: string, origin: unknown): boolean {
  if (origin === undefined) return true;
  if (typeof origin !== 'string') return false;
  const own = apps.find((app) => app.client === client);
  return own === undefined ? !apps.some(({ origins }) => origins.includes(origin)) : own.origins.includes(origin);
}
