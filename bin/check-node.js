// Runs on any Node, old ones too: says what to do instead of failing later on a missing global.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 24 || (major === 24 && minor < 2)) {
  console.error(
    `Consentry needs Node 24.2 or newer and this is ${process.version}. ` +
      'Run "npm ci" without --omit=optional: it brings Node 24 as a package, and npm run, npm test and npx then use it.',
  );
  process.exit(1);
}
