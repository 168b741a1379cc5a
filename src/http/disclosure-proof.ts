import type { FastifyInstance } from 'fastify';
import type { PatientId } from '../domain/fhir/interaction.ts';
import { ownPatient, standsFor } from '../domain/identity/own-patient.ts';
import type { Principal } from '../domain/identity/principal.ts';
import type { Clock, LedgerStore, Random } from '../ports.ts';
import type { ConsoleAccessParts } from './console-access.ts';
import { documented } from './documented.ts';
import { refuse } from './errors.ts';

export interface DisclosureProofParts extends Pick<ConsoleAccessParts, 'asker'> {
  /** `undefined`: no such entry, or none about an access to this patient's record. */
  readonly proof: (index: number, patient: PatientId) => Promise<string | undefined>;
  readonly ledger: Pick<LedgerStore, 'append'>;
  readonly clock: Clock;
  readonly random: Random;
}

/** `GET /api/v1/disclosures/{entry}/proof`: for the patient and who stands for them, a file that proves one access without asking anybody. */
export function disclosureProofRoutes(app: FastifyInstance, parts: DisclosureProofParts): void {
  app.get<{ Params: { entry: string } }>(
    '/api/v1/disclosures/:entry/proof',
    documented('A file that proves one access to your record without asking anybody.'),
    async (request, reply) => {
      const asker = await parts.asker(request);
      if (asker === undefined) return refuse(reply.header('www-authenticate', 'Bearer'), 'auth-token-invalid');
      const patient = asker === 'operator' ? undefined : recordOf(asker);
      if (asker === 'operator' || patient === undefined) return refuse(reply, 'scope-insufficient');
      const { entry } = request.params;
      const proof = /^(?:0|[1-9]\d{0,14})$/.test(entry) ? await parts.proof(Number(entry), patient) : undefined;
      if (proof === undefined) return refuse(reply, 'not-found');
      await parts.ledger.append({
        kind: 'read',
        at: parts.clock.now(),
        requestId: Buffer.from(parts.random.bytes(12)).toString('hex'),
        decision: 'permit',
        actor: {
          user: asker.user,
          issuer: asker.issuer,
          client: asker.client,
          roles: asker.roles,
          ...(asker.fhirUser === undefined ? {} : { fhirUser: asker.fhirUser }),
        },
        purpose: asker.purpose,
        interaction: { kind: 'read', type: 'AuditEvent', id: entry },
        patients: [patient],
        resources: [`AuditEvent/${entry}`],
        outcome: { status: 200, returned: 1, withheld: 0, masked: 0 },
        story: [{ stage: 'authorise', rule: 'disclosure:own', text: 'Patients see who looked at their record.' }],
        height: 0,
      });
      return reply
        .header('cache-control', 'no-store')
        .header('content-disposition', `attachment; filename="access-${entry}.tlog-proof"`)
        .type('text/plain; charset=utf-8')
        .send(proof);
    },
  );
}

function recordOf(asker: Principal): PatientId | undefined {
  const { launchPatient } = asker;
  return (
    ownPatient(asker) ?? (launchPatient !== undefined && standsFor(asker, launchPatient) ? launchPatient : undefined)
  );
}
