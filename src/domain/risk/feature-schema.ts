/**
 * The inputs of every model, in order. Each lies in [0,1]. `usual` is what an ordinary access looks like (used by the ablation
 * that makes reason codes); `say` is the sentence shown when the feature is what made the score high.
 * No feature names a person or a protected class: they measure relation, link and behaviour only.
 */
export interface FeatureRow {
  readonly name: string;
  readonly group: 'relation' | 'link' | 'behaviour' | 'drip' | 'search' | 'emergency' | 'place' | 'account';
  readonly usual: number;
  readonly say: string;
}

const rows = [
  [
    'unexplained',
    'relation',
    0,
    'No encounter, appointment, order, referral or care team links the user and the patient.',
  ],
  ['directNow', 'relation', 0, ''],
  ['directPast', 'relation', 0, ''],
  ['departmentNow', 'relation', 1, 'The patient is not under care in the department of the user.'],
  ['departmentPast', 'relation', 0, ''],
  ['activeElsewhere', 'relation', 0, 'The patient is under care elsewhere, not with the user.'],
  ['inactivePatient', 'relation', 0, 'The patient has no current care in the house at all.'],
  ['unknownPatient', 'relation', 0, 'Nothing is on record that would bring the patient here.'],
  ['standingRarity', 'relation', 0.1, 'People in this role seldom open records of patients in this situation.'],
  ['decoy', 'relation', 0, 'The only link was made by the user within the day before, or was cancelled.'],
  ['pairKnown', 'relation', 0.3, 'The user has not opened this record before.'],
  ['pairLegit', 'relation', 0.5, 'No earlier explained access of the user to this record.'],
  ['pairRepeat', 'relation', 0, 'The user returns to this record again and again without a link.'],
  ['pairWrites', 'relation', 0, ''],
  ['teamActive', 'relation', 0.5, 'Nobody else of the department has opened this record lately.'],
  ['teamCharts', 'relation', 0, ''],
  ['departmentLift', 'relation', 0.2, 'Colleagues seldom open records of patients of that department.'],
  ['surname', 'link', 0, 'User and patient share a rare surname.'],
  ['household', 'link', 0, 'User and patient share a home address.'],
  ['neighbour', 'link', 0, 'User and patient live in the same street or postcode.'],
  ['coworker', 'link', 0, 'The patient works here.'],
  ['vip', 'link', 0, 'The record is one of special public interest.'],
  ['self', 'link', 0, 'The user opens the own record.'],
  ['patientHeat', 'link', 0, 'Several people without a link have opened this record within days.'],
  ['linkUnexplained', 'link', 0, 'A private link and no professional one.'],
  ['linkDrip', 'drip', 0, 'Repeated accesses to people with a private link over weeks.'],
  ['hourOwn', 'behaviour', 0.3, 'The user is seldom active at this hour.'],
  ['hourPeer', 'behaviour', 0.3, 'Colleagues are seldom active at this hour.'],
  ['offShift', 'behaviour', 0, 'The user is not on shift.'],
  ['burst', 'behaviour', 0.2, 'Far more calls within the hour than colleagues make.'],
  ['distinctHour', 'behaviour', 0.2, 'Far more different patients within the hour than colleagues see.'],
  ['distinctDay', 'behaviour', 0.2, 'Far more different patients within the day than colleagues see.'],
  ['distinctOwn', 'behaviour', 0.2, 'Far more different patients than this user usually sees.'],
  ['freshShare', 'behaviour', 0.3, 'Nearly all records opened today are new to the user.'],
  ['unexplainedShare', 'behaviour', 0, 'Most of the records opened today have no link to the user.'],
  ['unexplainedHour', 'drip', 0, 'Several records without a link within the hour.'],
  ['unexplainedDay', 'drip', 0, 'Several records without a link within the day.'],
  ['unexplainedWeek', 'drip', 0, 'More records without a link this week than colleagues open.'],
  ['unexplainedMonth', 'drip', 0, 'More records without a link this month than colleagues open.'],
  ['unexplainedQuarter', 'drip', 0, 'More records without a link this quarter than colleagues open.'],
  ['unexplainedOwn', 'drip', 0, 'More records without a link than this user usually opens.'],
  ['cusum', 'drip', 0, 'The share of records without a link has been rising for days.'],
  ['breadth', 'behaviour', 0.2, 'Unusually many kinds of records are being read.'],
  ['typeRarity', 'behaviour', 0.2, 'People in this role seldom read this kind of record.'],
  ['interactionRarity', 'behaviour', 0.2, 'People in this role seldom make this kind of call.'],
  ['purposeRarity', 'behaviour', 0.1, 'The stated purpose is unusual for this role.'],
  ['export', 'behaviour', 0, 'A whole record or many records are taken out at once.'],
  ['records', 'behaviour', 0.2, 'The answer holds far more records than colleagues receive.'],
  ['listed', 'behaviour', 0, 'Search results name many patients without a link.'],
  ['nameSearch', 'search', 0, 'A search by name or personal number.'],
  ['openedFromSearch', 'search', 0, 'The record was found by searching for a name.'],
  ['probing', 'search', 0, 'Search after search without opening a record.'],
  ['searchRate', 'search', 0, 'Far more searches for people than colleagues make.'],
  ['broadSearch', 'search', 0, 'Searches over all patients rather than one.'],
  ['denied', 'search', 0, 'Many calls were refused.'],
  ['sequence', 'search', 0, 'Records are opened in the order of their numbers.'],
  ['breakGlass', 'emergency', 0, 'Emergency access.'],
  ['breakGlassRate', 'emergency', 0, 'Emergency access far more often than colleagues.'],
  ['breakGlassBare', 'emergency', 0, 'Emergency access without a stated reason.'],
  ['newPlace', 'place', 0, 'A network the user has not come from before.'],
  ['newDevice', 'place', 0, 'A device the user has not used before.'],
  ['newClient', 'place', 0, 'An application or browser the user has not used before.'],
  ['twoPlaces', 'place', 0, 'The account is active in two networks at once.'],
  ['dormant', 'account', 0, 'The account had been silent for weeks.'],
  ['newcomer', 'account', 0, ''],
  ['notEmployed', 'account', 0, 'The person is not employed at that time, by the staff list.'],
  ['roleMismatch', 'account', 0, 'The role in the call is not the one in the staff list.'],
  ['serviceAsPerson', 'account', 0, 'A service account is being used like a person.'],
] as const satisfies readonly (readonly [string, FeatureRow['group'], number, string])[];

export type FeatureName = (typeof rows)[number][0];

export const featureRows: readonly FeatureRow[] = rows.map(([name, group, usual, say]) => ({
  name,
  group,
  usual,
  say,
}));
export const FEATURES = rows.length;
export const featureNames = rows.map((row) => row[0]);

/** Position of each feature in the vector. */
export const at = Object.fromEntries(rows.map((row, index) => [row[0], index])) as Readonly<
  Record<FeatureName, number>
>;

/** Raised when a feature comes to mean something else under the same name. */
const MEANING = 1;

/** What the schema hash is made of: a model trained on other inputs must not load. */
export const schemaText = (): string => `consentry-risk-features/${MEANING}\n${featureNames.join('\n')}`;
