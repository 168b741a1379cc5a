/** What is wrong with a policy file, at a place an editor can jump to. A warning does not stop a set from loading. */
export interface PolicyFault {
  readonly severity: 'error' | 'warning';
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly text: string;
  /** The valid name nearest to the one that was not understood. */
  readonly nearest?: string;
}

/** `policies/clinician.yaml:12:9: error: ...` as compilers write it. */
export const faultLine = (fault: PolicyFault): string =>
  `${fault.file}:${fault.line}:${fault.column}: ${fault.severity}: ${fault.text}${
    fault.nearest === undefined ? '' : ` Did you mean \`${fault.nearest}\`?`
  }`;
