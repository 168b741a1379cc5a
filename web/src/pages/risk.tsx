import { Stack, Tabs, Title } from '@mantine/core';
import { navigate, useHere } from '../router.tsx';
import { riskText } from '../text/risk.ts';
import { useTexts } from '../text.tsx';
import { CaseView } from './risk/case.tsx';
import { Feeds } from './risk/feeds.tsx';
import { Model } from './risk/model.tsx';
import { Queue } from './risk/queue.tsx';
import { Thresholds } from './risk/thresholds.tsx';

const sections = ['cases', 'thresholds', 'model', 'feeds'] as const;

const Risk = () => {
  const t = useTexts(riskText);
  const { rest } = useHere();
  const [section = 'cases', id] = rest;
  return (
    <Stack>
      <Title order={1}>{t.title}</Title>
      <Tabs
        value={section}
        onChange={(next) => navigate(next === null || next === 'cases' ? 'risk' : `risk/${next}`)}
        keepMounted={false}
      >
        <Tabs.List mb="md">
          {sections.map((each) => (
            <Tabs.Tab key={each} value={each}>
              {t.sections[each]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="cases">{id === undefined ? <Queue /> : <CaseView id={id} key={id} />}</Tabs.Panel>
        <Tabs.Panel value="thresholds">
          <Thresholds />
        </Tabs.Panel>
        <Tabs.Panel value="model">
          <Model />
        </Tabs.Panel>
        <Tabs.Panel value="feeds">
          <Feeds />
        </Tabs.Panel>
      </Tabs>
    </Stack>
  );
};

export default Risk;
