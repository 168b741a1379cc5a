import { Group, Text } from '@mantine/core';
import type { CasePatient } from '../../../../src/domain/console/risk.ts';
import { riskText } from '../../text/risk.ts';
import { useTexts } from '../../text.tsx';

const WIDTH = 460;
const ROW = 26;
/** More would be a thicket; the table below has them all. */
const MOST = 24;

type Kind = 'explained' | 'private' | 'none';

const kindOf = ({ explanation, links }: CasePatient): Kind =>
  explanation !== undefined ? 'explained' : links.length > 0 ? 'private' : 'none';

const strokes: Readonly<Record<Kind, { readonly colour: string; readonly dash: string }>> = {
  explained: { colour: 'var(--mantine-color-green-7)', dash: '' },
  private: { colour: 'var(--mantine-color-red-7)', dash: '2 4' },
  none: { colour: 'var(--mantine-color-gray-6)', dash: '8 5' },
};

/** The user in the middle, the patients around: a line says what is on record between them. The table beneath says the same in words. */
export const LinkMap = ({ user, patients }: { readonly user: string; readonly patients: readonly CasePatient[] }) => {
  const t = useTexts(riskText);
  const shown = [...patients].sort((a, b) => b.alerted - a.alerted || b.accesses - a.accesses).slice(0, MOST);
  const rows = Math.ceil(shown.length / 2);
  const height = Math.max(4, rows) * ROW + 20;
  const middle = { x: WIDTH / 2, y: height / 2 };
  const placed = shown.map((patient, index) => {
    const right = index % 2 === 0;
    const inRow = right ? rows : shown.length - rows;
    return {
      patient,
      right,
      x: right ? WIDTH - 130 : 130,
      y: middle.y + (Math.floor(index / 2) - (inRow - 1) / 2) * ROW,
      radius: 4 + Math.min(6, 1.5 * Math.sqrt(Math.max(patient.accesses, patient.alerted))),
    };
  });
  const count = (kind: Kind): number => shown.filter((each) => kindOf(each) === kind).length;
  return (
    <>
      <svg
        viewBox={`0 0 ${WIDTH} ${height}`}
        role="img"
        aria-label={t.map.label(count('explained'), count('private'), count('none'))}
        style={{ width: '100%', maxWidth: 640, display: 'block', margin: '0 auto' }}
      >
        {placed.map(({ patient, x, y }) => {
          const { colour, dash } = strokes[kindOf(patient)];
          return (
            <line
              key={patient.patient}
              x1={middle.x}
              y1={middle.y}
              x2={x}
              y2={y}
              stroke={colour}
              strokeWidth={patient.alerted > 0 ? 2.5 : 1.25}
              strokeDasharray={dash}
            />
          );
        })}
        {placed.map(({ patient, right, x, y, radius }) => (
          <g key={patient.patient}>
            <circle
              cx={x}
              cy={y}
              r={radius}
              fill={strokes[kindOf(patient)].colour}
              stroke="var(--mantine-color-body)"
              strokeWidth={2}
            />
            <text
              x={right ? x + radius + 5 : x - radius - 5}
              y={y + 4}
              textAnchor={right ? 'start' : 'end'}
              fontSize={12}
              fill="var(--mantine-color-text)"
            >
              {short(patient.patient)}
            </text>
          </g>
        ))}
        <circle cx={middle.x} cy={middle.y} r={13} fill="var(--mantine-color-indigo-7)" />
        <text
          x={middle.x}
          y={middle.y + 29}
          textAnchor="middle"
          fontSize={13}
          fontWeight={600}
          fill="var(--mantine-color-text)"
          stroke="var(--mantine-color-body)"
          strokeWidth={4}
          paintOrder="stroke"
        >
          {user.replace(/^\w+\//, '')}
        </text>
      </svg>
      <Group gap="lg" justify="center" mb="sm">
        {(['explained', 'private', 'none'] as const).map((kind) => (
          <Group key={kind} gap={6}>
            <svg width={34} height={8} aria-hidden="true">
              <line
                x1={0}
                y1={4}
                x2={34}
                y2={4}
                stroke={strokes[kind].colour}
                strokeWidth={2.5}
                strokeDasharray={strokes[kind].dash}
              />
            </svg>
            <Text size="sm">{t.map[kind]}</Text>
          </Group>
        ))}
      </Group>
      {patients.length > MOST ? (
        <Text size="sm" c="dimmed" ta="center">
          {t.map.more(patients.length - MOST)}
        </Text>
      ) : null}
    </>
  );
};

const short = (id: string): string => (id.length > 16 ? `${id.slice(0, 15)}…` : id);
