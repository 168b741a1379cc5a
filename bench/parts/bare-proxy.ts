/** The rival: `@fastify/http-proxy` as it comes, in front of the same server. */
import proxy from '@fastify/http-proxy';
import Fastify from 'fastify';

const [upstream = ''] = process.argv.slice(2);
const app = Fastify({ logger: false });
await app.register(proxy, { upstream, prefix: '/fhir', disableRequestLogging: true });
const url = await app.listen({ host: '127.0.0.1', port: 0 });
process.send?.({ url: `${url}/fhir` });
process.on('disconnect', () => process.exit(0));
