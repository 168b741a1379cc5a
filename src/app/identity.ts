import { createIssuerDirectory } from '../adapters/identity/issuer-directory.ts';
import { createJwtVerifier } from '../adapters/identity/jwt-verifier.ts';
import type { Config } from '../config/schema.ts';
import type { Telemetry } from '../ports.ts';

/** Who may say who somebody is, and what apps are told of them. */
export async function openIdentity(config: Config, telemetry: Telemetry) {
  const verifier = createJwtVerifier({
    issuers: config.issuers.map(({ issuer, audience, algorithms, jwksUri, jwksFile, claims }) => ({
      issuer,
      audience,
      algorithms,
      ...(jwksUri === undefined ? { file: jwksFile ?? '' } : { jwksUri }),
      ...(claims === undefined ? {} : { claims }),
    })),
  });
  // Keys that cannot be had now may come later: calls are refused as auth-unavailable until then.
  await verifier
    .warm()
    .catch((error: unknown) => telemetry.failed('issuer-keys', error instanceof Error ? error.name : typeof error));
  const directory = createIssuerDirectory(
    config.issuers.map(({ issuer, jwksUri }) => ({ issuer, ...(jwksUri === undefined ? {} : { jwksUri }) })),
  );
  await directory.refresh();
  return { verifier, directory };
}
