import { Alert } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { ProblemAlert } from '../parts/problem.tsx';
import { choicesText } from '../text/choices.ts';
import { useFormat, useTexts } from '../text.tsx';
import type { Settled } from './desk.ts';
import { SigningFailed } from './wallet.ts';

export type Change = 'granted' | 'revoked' | 'narrowed' | 'delegated' | 'ended' | 'moved';

/** What came of a change, for the top of the page: the card it was made on may be gone by then. */
export type Outcome =
  | { readonly change: Change; readonly settled: Settled; readonly at: number }
  | { readonly error: Error };

/** A change of a choice. The lists are read again whatever comes of it. */
export const useChange = <T,>(
  change: Change,
  act: (value: T) => Promise<Settled>,
  tell: (outcome: Outcome) => void,
) => {
  const client = useQueryClient();
  return useMutation({
    mutationFn: act,
    onSuccess: (settled) => tell({ change, settled, at: Date.now() }),
    onError: (error) => tell({ error }),
    onSettled: () =>
      client.invalidateQueries({ predicate: ({ queryKey }) => String(queryKey[0]).startsWith('/api/v1/consents') }),
  });
};

export const ChangeResult = ({ outcome }: { readonly outcome: Outcome }) => {
  const t = useTexts(choicesText);
  const format = useFormat();
  if ('error' in outcome)
    return outcome.error instanceof SigningFailed ? (
      <Alert color="orange" role="alert">
        {t.notSigned[outcome.error.by]}
      </Alert>
    ) : (
      <ProblemAlert error={outcome.error} />
    );
  const { change, settled, at } = outcome;
  if (settled.state === 'refused')
    return (
      <Alert color="red" role="alert">
        {t.notTaken}
      </Alert>
    );
  // A revocation counts as soon as the gateway has it, before it is written down for good.
  const waits = settled.state === 'on-its-way' && change !== 'revoked';
  return (
    <Alert color="green" role="status">
      {waits ? t.onItsWay : t.done[change](format.clock(at))}
    </Alert>
  );
};
