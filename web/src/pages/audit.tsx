import { Group, Stack, Title } from '@mantine/core';
import '../audit/audit.css';
import { Accounting } from '../audit/accounting.tsx';
import { Check } from '../audit/check.tsx';
import { Entries } from '../audit/entries.tsx';
import { Entry } from '../audit/entry.tsx';
import { Link, useHere } from '../router.tsx';
import { auditText } from '../text/audit.ts';
import { useTexts } from '../text.tsx';

const views = { list: 'audit', accounting: 'audit/accounting', check: 'audit/check' } as const;

/** The ledger: its entries, the story and proof of one, the accounting for a patient, and the check of a proof file. */
const Audit = () => {
  const t = useTexts(auditText);
  const { rest } = useHere();
  const [view, index] = rest;
  if (view === 'entry' && index !== undefined && /^\d{1,15}$/.test(index)) return <Entry index={Number(index)} />;
  const shown = view === 'accounting' || view === 'check' ? view : 'list';
  return (
    <Stack>
      <Title order={1}>{t.title}</Title>
      <Group component="nav" aria-label={t.title} className="no-print">
        {(['list', 'accounting', 'check'] as const).map((each) => (
          <Link key={each} to={views[each]} className="tab" aria-current={each === shown ? 'page' : undefined}>
            {t.views[each]}
          </Link>
        ))}
      </Group>
      {shown === 'accounting' ? <Accounting /> : shown === 'check' ? <Check /> : <Entries />}
    </Stack>
  );
};

export default Audit;
