import { type ComponentType, type LazyExoticComponent, lazy } from 'react';
import type { ConsolePage } from '../../src/domain/console/page.ts';
import type { Place } from './settings.ts';

export interface Route {
  /** First segment of the address; its name is `shellText.pages[path]`. */
  readonly path: ConsolePage | 'record' | 'choices' | 'data';
  readonly page: LazyExoticComponent<ComponentType>;
}

/** Every page there is, in the order of the menu: one lazy file, one line. Console pages open by role (policies/roles.yaml). */
export const routes: Readonly<Record<Place, readonly Route[]>> = {
  console: [
    { path: 'overview', page: lazy(() => import('./pages/overview.tsx')) },
    { path: 'audit', page: lazy(() => import('./pages/audit.tsx')) },
    { path: 'policies', page: lazy(() => import('./pages/policies.tsx')) },
    { path: 'risk', page: lazy(() => import('./pages/risk.tsx')) },
    { path: 'consent', page: lazy(() => import('./pages/consent.tsx')) },
    { path: 'system', page: lazy(() => import('./pages/system.tsx')) },
  ],
  my: [
    { path: 'record', page: lazy(() => import('./pages/record.tsx')) },
    { path: 'choices', page: lazy(() => import('./pages/choices.tsx')) },
    { path: 'data', page: lazy(() => import('./pages/data.tsx')) },
  ],
};
