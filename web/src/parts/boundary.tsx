import { Alert, Button, Stack } from '@mantine/core';
import { Component, type ReactNode } from 'react';
import { shellText } from '../text/shell.ts';
import { useTexts } from '../text.tsx';

interface Props {
  readonly children: ReactNode;
}

/** A page that throws takes itself down, not the frame around it. */
export class Boundary extends Component<Props, { readonly broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError(): { readonly broken: boolean } {
    return { broken: true };
  }

  override render(): ReactNode {
    return this.state.broken ? <Broken /> : this.props.children;
  }
}

const Broken = () => {
  const t = useTexts(shellText);
  return (
    <Alert color="red" role="alert" m="md">
      <Stack align="flex-start">
        {t.broken}
        <Button variant="default" onClick={() => location.reload()}>
          {t.reload}
        </Button>
      </Stack>
    </Alert>
  );
};
