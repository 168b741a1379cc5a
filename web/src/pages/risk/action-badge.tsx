import { Badge } from '@mantine/core';
import { riskText } from '../../text/risk.ts';
import { useTexts } from '../../text.tsx';

const colours: Readonly<Record<string, string>> = {
  allow: 'gray',
  notice: 'yellow',
  'step-up': 'orange',
  'mask-more': 'orange',
  'rate-limit': 'orange',
  block: 'red',
};

/** What the score led to, in words and colour. */
export const ActionBadge = ({ action }: { readonly action: string }) => {
  const t = useTexts(riskText);
  return (
    <Badge color={colours[action] ?? 'gray'} variant="light" style={{ flexShrink: 0 }}>
      {action in t.actions ? t.actions[action as keyof typeof t.actions] : action}
    </Badge>
  );
};
