import { Card, Text } from '@mantine/core';
import type { ReactNode } from 'react';

/** One number with what it counts. */
export const Figure = ({
  label,
  value,
  note,
}: {
  readonly label: string;
  readonly value: ReactNode;
  readonly note?: ReactNode;
}) => (
  <Card withBorder padding="md">
    <Text size="sm" c="dimmed">
      {label}
    </Text>
    <div className="figure">{value}</div>
    {note === undefined ? null : <Text size="sm">{note}</Text>}
  </Card>
);
