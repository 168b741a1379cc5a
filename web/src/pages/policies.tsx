import { Alert, Badge, Group, Select, SimpleGrid, Stack, Tabs, Text, Title } from '@mantine/core';
import { useEffect, useMemo, useState } from 'react';
import { resourceTypes } from '../../../src/domain/fhir/schema.ts';
import { methodNames } from '../../../src/domain/masking/method.ts';
import { faultLine, type PolicyFault } from '../../../src/domain/policy/fault.ts';
import type { PolicyFile } from '../../../src/domain/policy/source.ts';
import type { PolicyTask } from '../../../src/domain/policy/task.ts';
import { useApi } from '../api.ts';
import { useMe } from '../me.ts';
import { Loaded } from '../parts/loaded.tsx';
import { ChangePanel } from '../policies/change-panel.tsx';
import { ClassForm, type ClassInfo } from '../policies/class-form.tsx';
import { HistoryPanel } from '../policies/history-panel.tsx';
import { MatrixPanel, useMatrix } from '../policies/matrix-panel.tsx';
import { PreviewPanel } from '../policies/preview-panel.tsx';
import { ProposalsPanel } from '../policies/proposals-panel.tsx';
import { ReidentificationPanel } from '../policies/reidentification-panel.tsx';
import { ReplayPanel } from '../policies/replay-panel.tsx';
import { useDraft } from '../policies/use-draft.ts';
import { useTask } from '../policies/use-task.ts';
import { type Place, YamlEditor } from '../policies/yaml-editor.tsx';
import { navigate, useHere } from '../router.tsx';
import { policiesText } from '../text/policies.ts';
import { useTexts } from '../text.tsx';

interface InForce {
  readonly hash: string;
  readonly faults: readonly string[];
  readonly roles: readonly string[];
  readonly policies: readonly PolicyInfo[];
  readonly classes: readonly ClassInfo[];
}
interface PolicyInfo {
  readonly policy: string;
  readonly title: string;
  readonly file: string;
  readonly roles: readonly string[];
  readonly purposes: readonly string[];
  readonly rules: readonly { readonly id: string }[];
}
type CheckTask = Extract<PolicyTask, { readonly kind: 'check' }>;

const tabs = ['edit', 'matrix', 'replay', 'reidentification', 'changes', 'history'] as const;
const noFaults: readonly PolicyFault[] = [];

const Policies = () => {
  const t = useTexts(policiesText);
  const set = useApi<InForce>('/api/v1/policies');
  const files = useApi<{ readonly files: readonly PolicyFile[] }>('/api/v1/policies/files');
  return (
    <Stack>
      <Title order={1}>{t.title}</Title>
      <Loaded query={set} height={400}>
        {(inForce) => (
          <Loaded query={files} height={400}>
            {(all) => <Desk inForce={inForce} files={all.files} />}
          </Loaded>
        )}
      </Loaded>
    </Stack>
  );
};

export default Policies;

const Desk = ({ inForce, files }: { readonly inForce: InForce; readonly files: readonly PolicyFile[] }) => {
  const t = useTexts(policiesText);
  const me = useMe();
  const readOnly = !me.roles.includes('privacy-officer');
  const { query } = useHere();
  const tab = tabs.find((each) => each === query.get('tab')) ?? 'edit';
  const draft = useDraft(files);
  const [file, setFile] = useState(first(inForce)?.file ?? '');
  const [place, setPlace] = useState<Place>();
  const task = useMemo((): CheckTask => ({ kind: 'check', files: draft.files }), [draft.files]);
  const checked = useTask(task);
  const faults = checked?.faults !== undefined ? checked.faults : noFaults;
  const matrix = useMatrix(draft);
  const shown = inForce.policies.find((policy) => policy.file === file);
  const [role, setRole] = useState(shown?.roles[0] ?? inForce.roles[0] ?? '');
  const open = (next: string): void => {
    setFile(next);
    const first = inForce.policies.find((policy) => policy.file === next)?.roles[0];
    if (first !== undefined) setRole(first);
  };
  const goTo = (to: Place): void => {
    open(to.file);
    setPlace({ ...to });
    if (tab !== 'edit') navigate('policies?tab=edit');
  };
  const words = useMemo(
    () => ({
      classes: inForce.classes.map(({ name }) => name),
      method: methodNames,
      extends: inForce.policies.map(({ policy }) => policy),
      roles: inForce.roles,
      purposes: ['TREAT', 'ETREAT', 'HOPERAT', 'HPAYMT', 'HRESCH', 'PATRQT', 'CAREMGT', 'COVERAGE', 'HCOMPL'],
      types: [...resourceTypes],
      resources: [...resourceTypes],
      without: [...resourceTypes],
      fields: ['id', 'because', 'classes', 'paths', 'except', 'types', 'purposes', 'clients', 'method', 'with'],
    }),
    [inForce],
  );
  const taken = inForce.policies.filter((each) => each.file !== file).flatMap(({ rules }) => rules.map(({ id }) => id));
  const cells = Array.isArray(matrix) ? matrix.find((row) => row.role === role)?.cells : undefined;
  const changed = draft.changes.length > 0;
  // Whoever leaves by accident is asked first.
  useEffect(() => {
    if (!changed) return undefined;
    const ask = (event: BeforeUnloadEvent): void => event.preventDefault();
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  }, [changed]);

  return (
    <>
      <Group>
        <Text size="sm">{t.inForceHash(inForce.hash.slice(0, 12))}</Text>
        {changed ? <Badge variant="light">{t.draftOf(draft.changes.length)}</Badge> : null}
      </Group>
      {inForce.faults.length === 0 ? null : <Alert color="orange">{t.lastGood(inForce.faults.join(' '))}</Alert>}
      <Tabs
        value={tab}
        onChange={(next) => navigate(`policies?tab=${next ?? 'edit'}`, { replace: true })}
        keepMounted={false}
      >
        <Tabs.List mb="md">
          {tabs.map((each) => (
            <Tabs.Tab key={each} value={each}>
              {t.tab[each]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="edit">
          <Stack>
            <Select
              label={t.file}
              searchable
              allowDeselect={false}
              maw="32rem"
              value={file}
              onChange={(next) => open(next ?? file)}
              data={groups(inForce, draft.files, t)}
            />
            <SimpleGrid cols={{ base: 1, lg: shown === undefined ? 1 : 2 }}>
              {shown === undefined ? null : (
                <ClassForm
                  classes={inForce.classes}
                  text={draft.textOf(file)}
                  cells={cells}
                  taken={taken}
                  readOnly={readOnly}
                  onChange={(text) => draft.set(file, text)}
                  onPlace={goTo}
                />
              )}
              <YamlEditor
                label={t.yamlOf(file)}
                file={file}
                text={draft.textOf(file)}
                faults={faults}
                words={words}
                place={place}
                readOnly={readOnly}
                onChange={(text) => draft.set(file, text)}
              />
            </SimpleGrid>
            <Faults ok={checked?.ok} faults={faults} onPlace={goTo} />
            <Title order={2} size="h4">
              {t.preview}
            </Title>
            <PreviewPanel
              draft={draft}
              roles={inForce.roles}
              role={role}
              readOnly={readOnly}
              onRole={setRole}
              onPlace={goTo}
            />
            {readOnly || !changed ? null : (
              <>
                <Title order={2} size="h4">
                  {t.change}
                </Title>
                <ChangePanel
                  draft={draft}
                  stopped={checked?.ok === false}
                  onProposed={() => navigate('policies?tab=changes')}
                />
              </>
            )}
          </Stack>
        </Tabs.Panel>
        <Tabs.Panel value="matrix">
          <MatrixPanel rows={matrix} classes={inForce.classes} onPlace={goTo} />
        </Tabs.Panel>
        <Tabs.Panel value="replay">
          <ReplayPanel draft={draft} />
        </Tabs.Panel>
        <Tabs.Panel value="reidentification">
          <ReidentificationPanel draft={draft} roles={inForce.roles} role={role} onRole={setRole} />
        </Tabs.Panel>
        <Tabs.Panel value="changes">
          <ProposalsPanel readOnly={readOnly} />
        </Tabs.Panel>
        <Tabs.Panel value="history">
          <HistoryPanel readOnly={readOnly} />
        </Tabs.Panel>
      </Tabs>
    </>
  );
};

/** Where reading begins: at a role's policy that masks something. */
const first = ({ policies }: InForce): PolicyInfo | undefined =>
  policies.find(({ roles, rules }) => roles.length > 0 && rules.length > 0) ??
  policies.find(({ roles }) => roles.length > 0);

/** The policies by role first, then what they speak of, then their tests. */
const groups = (
  { policies }: InForce,
  files: readonly PolicyFile[],
  t: { readonly byRole: string; readonly overlays: string; readonly elements: string; readonly tests: string },
) => {
  const titled = (ofRole: boolean) =>
    policies
      .filter(({ roles }) => roles.length > 0 === ofRole)
      .map(({ file, title }) => ({ value: file, label: `${title} (${file})` }));
  const rest = files.filter(({ name }) => !policies.some(({ file }) => file === name));
  const plain = (tests: boolean) =>
    rest.filter(({ name }) => name.startsWith('tests/') === tests).map(({ name }) => ({ value: name, label: name }));
  return [
    { group: t.byRole, items: titled(true) },
    { group: t.overlays, items: titled(false) },
    { group: t.elements, items: plain(false) },
    { group: t.tests, items: plain(true) },
  ];
};

const Faults = ({
  ok,
  faults,
  onPlace,
}: {
  readonly ok: boolean | undefined;
  readonly faults: readonly PolicyFault[];
  onPlace(place: Place): void;
}) => {
  const t = useTexts(policiesText);
  const errors = faults.filter(({ severity }) => severity === 'error');
  const shown = errors.length > 0 ? errors : faults;
  return (
    <Alert color={ok === false ? 'red' : 'green'} role="status" title={ok === false ? t.broken : t.loads}>
      {shown.slice(0, 20).map((fault) => (
        <div key={faultLine(fault)}>
          <button type="button" className="place" onClick={() => onPlace(fault)}>
            {faultLine(fault)}
          </button>
        </div>
      ))}
    </Alert>
  );
};
