import type { Call } from './call.ts';
import type { RiskContext } from './context.ts';
import { at } from './feature-schema.ts';

/** Family, neighbours, colleagues, public interest: what ties the user and the patient in private. Returns the strongest. */
export const privateLinks = (
  context: RiskContext,
  call: Call,
  staff: ReturnType<RiskContext['staff']>,
  facts: ReturnType<RiskContext['patient']>,
  v: Float64Array,
): number => {
  if (call.patient === undefined) return 0;
  let link = 0;
  const employee = context.employeeOf(call.patient);
  const isSelf = staff?.patientId === call.patient || employee === call.user;
  if (isSelf) {
    v[at.self] = 1;
    link = 0.7;
  } else if (employee !== undefined) {
    const near = context.staff(employee)?.department;
    v[at.coworker] = near !== undefined && (near === staff?.department || near === call.department) ? 1 : 0.7;
    link = 0.8;
  }
  if (facts === undefined) return link;
  if (facts.vip) {
    v[at.vip] = 1;
    link = Math.max(link, 0.7);
  }
  if (!isSelf && staff !== undefined) {
    if (staff.surname !== undefined && staff.surname === facts.surname) {
      const rare = context.surnameRarity(staff.surname);
      v[at.surname] = rare;
      link = Math.max(link, rare);
    }
    if (staff.address !== undefined && staff.address === facts.address) {
      v[at.household] = 1;
      link = 1;
    } else if (staff.zip4 !== undefined && staff.zip4 === facts.zip4) {
      const rare = context.zipRarity(staff.zip4);
      v[at.neighbour] = rare;
      link = Math.max(link, rare * 0.8);
    }
  }
  return link;
};
