import { Card, Text, Title } from '@mantine/core';
import type { AuditSummary } from '../../../src/domain/console/audit.ts';
import { useApi } from '../api.ts';
import { Loaded } from '../parts/loaded.tsx';
import { Link, useHere } from '../router.tsx';
import { auditText } from '../text/audit.ts';
import { useFormat, useTexts } from '../text.tsx';
import { filterOf } from './filter.ts';

/** The filtered entries in a picture: over time, or by user and hour of the day. Both are one answer. */
export const Summary = ({ filter, shows }: { readonly filter: URLSearchParams; readonly shows: 'time' | 'hours' }) => {
  const query = new URLSearchParams(filter);
  query.set('offset', String(-new Date().getTimezoneOffset()));
  const summary = useApi<AuditSummary>(`/api/v1/audit/summary?${query.toString()}`);
  return (
    <Loaded query={summary} height={200}>
      {(data) => (shows === 'time' ? <Timeline data={data} /> : <HeatMap data={data} />)}
    </Loaded>
  );
};

const Timeline = ({ data: { buckets, bucketMs, counted } }: { readonly data: AuditSummary }) => {
  const t = useTexts(auditText);
  const format = useFormat();
  const refused = buckets.reduce((sum, { deny }) => sum + deny, 0);
  const about = t.timelineAbout(format.number(counted), format.number(refused));
  const start = buckets[0]?.at ?? 0;
  const slots = Math.max(1, Math.round(((buckets.at(-1)?.at ?? start) - start) / bucketMs) + 1);
  const most = buckets.reduce((top, { permit, deny }) => Math.max(top, permit + deny), 1);
  const width = 1000 / slots;
  // One hour alone is a bar, not a wall.
  const bar = Math.min(40, Math.max(1, width * 0.85));
  return (
    <Card withBorder>
      <Title order={2} size="h5">
        {t.timeline}
      </Title>
      <Text size="sm" mb="xs">
        {about}
      </Text>
      <svg className="bars" viewBox="0 0 1000 120" preserveAspectRatio="none" role="img" aria-label={about}>
        {buckets.map(({ at, permit, deny }) => {
          const x = Math.round((at - start) / bucketMs) * width;
          const all = (120 * (permit + deny)) / most;
          const red = (120 * deny) / most;
          return (
            <g key={at}>
              <title>{`${format.time(at)}: ${t.calls(format.number(permit + deny), format.number(deny))}`}</title>
              <rect className="bars-permit" x={x} y={120 - all} width={bar} height={all - red} />
              <rect className="bars-deny" x={x} y={120 - red} width={bar} height={red} />
            </g>
          );
        })}
      </svg>
      {buckets.length === 0 ? null : (
        <Text size="xs" c="dimmed">
          {format.time(start)} – {format.time(start + slots * bucketMs)}
        </Text>
      )}
    </Card>
  );
};

const hours = Array.from({ length: 24 }, (_, hour) => hour);

const HeatMap = ({ data: { actors } }: { readonly data: AuditSummary }) => {
  const t = useTexts(auditText);
  const format = useFormat();
  const { query } = useHere();
  const most = actors.reduce((top, actor) => Math.max(top, ...actor.hours), 1);
  const only = (user: string): string => {
    const next = filterOf(query);
    next.set('user', user);
    return `audit?${next.toString()}`;
  };
  return (
    <Card withBorder>
      <Title order={2} size="h5">
        {t.heat}
      </Title>
      <Text size="sm" mb="xs">
        {t.heatAbout}
      </Text>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: whoever has no mouse must be able to scroll it */}
      <section style={{ overflowX: 'auto' }} tabIndex={0} aria-label={t.heat}>
        <table className="heat">
          <thead>
            <tr>
              <th scope="col">{t.user}</th>
              {hours.map((hour) => (
                <th scope="col" key={hour}>
                  {hour}
                </th>
              ))}
              <th scope="col">{t.total}</th>
            </tr>
          </thead>
          <tbody>
            {actors.map(({ user, hours: counts, total }) => (
              <tr key={user}>
                <th scope="row">
                  <Link to={only(user)}>{user}</Link>
                </th>
                {hours.map((hour) => {
                  const count = counts[hour] ?? 0;
                  const level = count === 0 ? 0 : Math.max(1, Math.ceil((4 * count) / most));
                  return (
                    <td key={hour} className={`level-${level}`}>
                      {count === 0 ? '' : format.number(count)}
                    </td>
                  );
                })}
                <td>{format.number(total)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </Card>
  );
};
