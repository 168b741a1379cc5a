import { Card, Text, Title } from '@mantine/core';
import type { AuditSummary } from '../../../src/domain/console/audit.ts';
import { useApi } from '../api.ts';
import { Bars } from '../parts/chart/chart.tsx';
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

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;

/** As the fields of the filter have it: local time, to the minute. */
const local = (at: number): string =>
  new Date(at - new Date(at).getTimezoneOffset() * MINUTE).toISOString().slice(0, 16);

const Timeline = ({ data: { buckets, bucketMs, counted } }: { readonly data: AuditSummary }) => {
  const t = useTexts(auditText);
  const format = useFormat();
  const { query } = useHere();
  const refused = buckets.reduce((sum, { deny }) => sum + deny, 0);
  const about = t.timelineAbout(format.number(counted), format.number(refused));
  const short = (at: number): string => (bucketMs < DAY ? format.time(at) : format.dateOf(at));
  const only = (at: number): string => {
    const next = filterOf(query);
    next.set('from', local(at));
    next.set('until', local(at + bucketMs));
    return `audit?${next.toString()}`;
  };
  return (
    <Card withBorder>
      <Title order={2} size="h5">
        {t.timeline}
      </Title>
      <Text size="sm" mb="xs">
        {about}
      </Text>
      <Bars
        label={about}
        of={t.columns.at}
        series={[
          { name: 'permit', label: t.outcomes.permit, color: 'indigo.6' },
          { name: 'deny', label: t.outcomes.deny, color: 'red.6' },
        ]}
        rows={withGaps(buckets, bucketMs).map(({ at, permit, deny }) => ({
          label: short(at),
          title: <Link to={only(at)}>{short(at)}</Link>,
          values: { permit, deny },
        }))}
        number={format.number}
      />
    </Card>
  );
};

/** Slots in which nothing happened take their place on the axis too. */
const withGaps = (buckets: AuditSummary['buckets'], bucketMs: number): AuditSummary['buckets'] => {
  const first = buckets[0]?.at ?? 0;
  const known = new Map(buckets.map((bucket) => [Math.round((bucket.at - first) / bucketMs), bucket]));
  const slots = Math.round(((buckets.at(-1)?.at ?? first) - first) / bucketMs) + 1;
  return buckets.length === 0
    ? []
    : Array.from(
        { length: slots },
        (_, slot) => known.get(slot) ?? { at: first + slot * bucketMs, permit: 0, deny: 0 },
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
