import type { GranteeKey, GranteeKind } from './grant.ts';

/** The keyed names under which a caller may have been granted something. Made once per request. */
export interface ConsentActor {
  readonly person?: GranteeKey;
  readonly organisation?: GranteeKey;
  readonly roles: readonly GranteeKey[];
  /** Care teams the person belongs to: facts of the FHIR server, cached with their age. */
  readonly careTeams: readonly GranteeKey[];
  readonly study?: GranteeKey;
  readonly app?: GranteeKey;
}

export const isGrantee = (actor: ConsentActor, kind: GranteeKind, grantee: GranteeKey): boolean => {
  switch (kind) {
    case 'person':
      return actor.person === grantee;
    case 'organisation':
      return actor.organisation === grantee;
    case 'role':
      return actor.roles.includes(grantee);
    case 'care-team':
      return actor.careTeams.includes(grantee);
    case 'study':
      return actor.study === grantee;
    case 'app':
      return actor.app === grantee;
  }
};

/** What a caller is called before the vault names it. `roles` are codes; the rest are relative references. */
export interface ActorReferences {
  readonly person?: string;
  readonly organisation?: string;
  readonly roles: readonly string[];
  readonly careTeams: readonly string[];
  readonly study?: string;
  readonly app?: string;
}

/** `name` is `SubjectKeys.granteeOf`. */
export const nameActor = (
  references: ActorReferences,
  name: (kind: GranteeKind, reference: string) => GranteeKey,
): ConsentActor => ({
  ...(references.person === undefined ? {} : { person: name('person', references.person) }),
  ...(references.organisation === undefined ? {} : { organisation: name('organisation', references.organisation) }),
  roles: references.roles.map((role) => name('role', role)),
  careTeams: references.careTeams.map((team) => name('care-team', team)),
  ...(references.study === undefined ? {} : { study: name('study', references.study) }),
  ...(references.app === undefined ? {} : { app: name('app', references.app) }),
});
