import { Stack, Tabs, Title } from '@mantine/core';
import { PatientConsents } from '../parts/consent/patient.tsx';
import { Reviews } from '../parts/consent/reviews.tsx';
import { TryDecision } from '../parts/consent/try.tsx';
import { navigate, useHere } from '../router.tsx';
import { consentText } from '../text/consent.ts';
import { useTexts } from '../text.tsx';

const views = ['patient', 'try', 'emergency'] as const;

/** What patients have allowed and refused, what would be decided from it, and emergency access that waits for a review. */
const Consent = () => {
  const t = useTexts(consentText);
  const { query } = useHere();
  const patient = query.get('patient') ?? undefined;
  const view = views.find((one) => one === query.get('view')) ?? 'patient';
  const go = (to: string): void =>
    navigate(`consent?view=${to}${patient === undefined ? '' : `&patient=${encodeURIComponent(patient)}`}`);
  return (
    <Stack>
      <Title order={1}>{t.title}</Title>
      <Tabs value={view} onChange={(to) => go(to ?? 'patient')} keepMounted={false}>
        <Tabs.List aria-label={t.title}>
          {views.map((one) => (
            <Tabs.Tab key={one} value={one}>
              {t.views[one]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="patient" pt="md">
          <PatientConsents patient={patient} />
        </Tabs.Panel>
        <Tabs.Panel value="try" pt="md">
          <TryDecision patient={patient} />
        </Tabs.Panel>
        <Tabs.Panel value="emergency" pt="md">
          <Reviews />
        </Tabs.Panel>
      </Tabs>
    </Stack>
  );
};

export default Consent;
