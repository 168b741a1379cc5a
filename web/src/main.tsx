import '@mantine/core/styles.css';
import './app.css';
import { MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { queries } from './api.ts';
import { App } from './app.tsx';
import { Boundary } from './parts/boundary.tsx';
import type { LogIn } from './session.ts';
import { nonce } from './settings.ts';
import { LanguageProvider } from './text.tsx';
import { theme, variables } from './theme.ts';

// What locks scrolling under a dialog adds a style of its own, and takes its nonce from here.
Object.assign(globalThis, { __webpack_nonce__: nonce });

export function show(begun: Promise<LogIn>): void {
  const root = document.getElementById('root');
  if (root === null) throw new Error('The page has no root.');
  createRoot(root).render(
    <StrictMode>
      <MantineProvider
        theme={theme}
        cssVariablesResolver={variables}
        defaultColorScheme="auto"
        getStyleNonce={() => nonce}
      >
        <LanguageProvider>
          <QueryClientProvider client={queries}>
            <Boundary>
              <App begun={begun} />
            </Boundary>
          </QueryClientProvider>
        </LanguageProvider>
      </MantineProvider>
    </StrictMode>,
  );
}
