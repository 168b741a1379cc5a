import { type CSSVariablesResolver, createTheme, Modal } from '@mantine/core';

/** Shades are chosen for contrast of at least 4.5 to 1 in both schemes (WCAG 2.2, 1.4.3). */
export const theme = createTheme({
  primaryColor: 'indigo',
  primaryShade: { light: 7, dark: 7 },
  autoContrast: true,
  defaultRadius: 'md',
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif',
  respectReducedMotion: true,
  headings: { fontWeight: '650' },
  components: {
    // A header within a dialog is no banner of the page.
    ModalHeader: Modal.Header.extend({ defaultProps: { role: 'none' } }),
  },
});

const hues = ['indigo', 'red', 'green', 'orange', 'yellow', 'blue', 'teal', 'gray', 'grape'] as const;

/** White on the usual red is too pale to read. */
const filledRed = {
  '--mantine-color-red-filled': 'var(--mantine-color-red-9)',
  '--mantine-color-red-filled-hover': 'color-mix(in srgb, var(--mantine-color-red-9), black 15%)',
};

export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    ...filledRed,
    '--mantine-color-dimmed': 'var(--mantine-color-gray-7)',
    '--mantine-color-error': 'var(--mantine-color-red-9)',
    '--mantine-color-placeholder': 'var(--mantine-color-gray-7)',
    ...Object.fromEntries(
      hues.flatMap((hue) => [
        [`--mantine-color-${hue}-light-color`, `color-mix(in srgb, var(--mantine-color-${hue}-9), black 25%)`],
        [`--mantine-color-${hue}-outline`, `color-mix(in srgb, var(--mantine-color-${hue}-9), black 25%)`],
      ]),
    ),
  },
  dark: {
    ...filledRed,
    '--mantine-color-dimmed': 'var(--mantine-color-dark-1)',
    '--mantine-color-error': 'var(--mantine-color-red-4)',
    '--mantine-color-placeholder': 'var(--mantine-color-dark-1)',
    ...Object.fromEntries(hues.map((hue) => [`--mantine-color-${hue}-light-color`, `var(--mantine-color-${hue}-2)`])),
  },
});
