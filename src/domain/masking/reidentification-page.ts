import { type ReidentificationReport, type ReidentificationRisk, sharesBySize } from './reidentification.ts';

const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

const labels = ['alone', '2 to 4', '5 to 10', '11 to 19', '20 or more'] as const;

const plot = (title: string, risk: ReidentificationRisk): string => {
  const [width, height, foot, gap] = [420, 180, 40, 12];
  const shares = sharesBySize(risk);
  const step = (width - gap) / shares.length;
  const bars = shares.map((share, at) => {
    const tall = Math.round(share * (height - 20));
    const x = Math.round(gap + at * step);
    const wide = Math.round(step - gap);
    const middle = x + wide / 2;
    return `<rect x="${x}" y="${height - tall}" width="${wide}" height="${tall}" fill="#3b5bdb"/><text x="${middle}" y="${height - tall - 4}" text-anchor="middle">${percent(share)}</text><text x="${middle}" y="${height + 16}" text-anchor="middle">${labels[at] ?? ''}</text>`;
  });
  const told = shares.map((share, at) => `${labels[at]}: ${percent(share)}`).join('; ');
  return `<figure><figcaption>${title}</figcaption><svg viewBox="0 0 ${width} ${height + foot}" width="${width}" role="img" aria-label="${told}" font-size="11" font-family="system-ui, sans-serif">${bars.join('')}<line x1="0" y1="${height}" x2="${width}" y2="${height}" stroke="#333"/></svg></figure>`;
};

const rows: readonly (readonly [label: string, told: (risk: ReidentificationRisk) => string])[] = [
  ['People', ({ people }) => String(people)],
  ['People whom nobody else resembles', ({ unique }) => percent(unique)],
  ['People in groups smaller than eleven', ({ belowEleven }) => percent(belowEleven)],
  ['Smallest group', ({ smallest }) => String(smallest)],
  ['Highest chance that a match is the right person', ({ highest }) => percent(highest)],
  ['Mean chance that a match is the right person', ({ average }) => percent(average)],
];

/** The report as one page that needs nothing else: figures and two plots. */
export const reidentificationPage = (report: ReidentificationReport, role: string): string => {
  const { before, after } = report;
  const table = rows.map(
    ([label, told]) => `<tr><th scope="row">${label}</th><td>${told(before)}</td><td>${told(after)}</td></tr>`,
  );
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Re-identification risk: ${escaped(role)}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#111;background:#fff}table{border-collapse:collapse}th,td{padding:.3rem .8rem;border-bottom:1px solid #ccc;text-align:left}td{text-align:right}figure{display:inline-block;margin:1rem 2rem 1rem 0}figcaption{font-weight:600}svg{max-width:100%;height:auto}</style>
<h1>Re-identification risk</h1>
<p>How well people could be told apart by ${escaped(before.by.join(', '))}, before masking and as the role <strong>${escaped(role)}</strong> gets them. What others know beside these is not in the figures.</p>
<table><thead><tr><td></td><th scope="col">before</th><th scope="col">after</th></tr></thead><tbody>${table.join('')}</tbody></table>
<h2>People by the number of others who look alike</h2>
${plot('Before', before)}${plot('After', after)}
</html>
`;
};
