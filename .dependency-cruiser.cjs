/** The arrows of the layout: main -> app -> {http, cli, adapters} -> gateway -> stages -> domain. */
const never = (name, from, to) => ({ name, severity: 'error', from, to });
const home = (library, path) =>
  never(`${library}-has-one-home`, { path: '^src/', pathNot: path }, { path: `node_modules/${library}/` });

module.exports = {
  forbidden: [
    never('domain-is-pure', { path: '^src/domain/' }, { path: '^src/(?!domain/)' }),
    never('stages-see-domain-and-ports', { path: '^src/stages/' }, { path: '^src/(?!stages/|domain/|ports\\.ts)' }),
    never(
      'gateway-sees-stages',
      { path: '^src/gateway\\.ts' },
      { path: '^src/(?!gateway|stages/|domain/|ports\\.ts)' },
    ),
    never('ports-see-domain', { path: '^src/ports\\.ts' }, { path: '^src/(?!domain/)' }),
    never(
      'adapters-see-gateway-and-below',
      { path: '^src/adapters/' },
      { path: '^src/(?!adapters/|gateway\\.ts|stages/|domain/|ports\\.ts)' },
    ),
    never(
      'http-sees-gateway-and-below',
      { path: '^src/http/' },
      { path: '^src/(?!http/|gateway\\.ts|stages/|domain/|ports\\.ts|config/)' },
    ),
    never(
      'cli-sees-gateway-and-below',
      { path: '^src/cli/' },
      { path: '^src/(?!cli/|gateway\\.ts|stages/|domain/|ports\\.ts|config/)' },
    ),
    never('config-sees-domain', { path: '^src/config/' }, { path: '^src/(?!config/|domain/)' }),
    never(
      'only-app-picks-adapters',
      { path: '^src/', pathNot: '^src/(app\\.ts|app/|adapters/)' },
      { path: '^src/adapters/' },
    ),
    never('web-sees-domain', { path: '^web/' }, { path: '^src/(?!domain/)' }),
    never('no-server-part-sees-web', { path: '^src/' }, { path: '^web/' }),
    never('no-circles', {}, { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } }),
    home('ethers', '^src/adapters/chain/'),
    home('jose', '^src/adapters/identity/'),
    home('oidc-provider', '^src/adapters/identity/'),
    home('@fastify/http-proxy', '^src/adapters/upstream/'),
    home('brain\\.js', '^src/adapters/risk/'),
    home('yaml', '^src/domain/policy/'),
    home('pg', '^src/adapters/store/'),
    home('prom-client', '^src/adapters/telemetry/'),
    home('pino', '^src/adapters/telemetry/'),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    includeOnly: '^(src|web|node_modules)/',
    tsPreCompilationDeps: true,
    parser: 'swc',
    moduleSystems: ['es6', 'cjs'],
    enhancedResolveOptions: { extensions: ['.ts', '.tsx', '.js'], conditionNames: ['import', 'node', 'default'] },
  },
};
