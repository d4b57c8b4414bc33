// 10,000 multilink bundles of two links each, in two tunnels: does everything come up, do packets pass through all, and
// what memory do the server and the emulator take?
import { configuration } from '../test/server/pair.ts';
import { dialled, ServerProcess } from './server.ts';
import { report, smoke } from './support.ts';

const bundles = smoke ? 10 : 10_000;
const tunnels = smoke ? 2 : 200;
const server = await ServerProcess.start(
  configuration({
    pool: 'address 100.64.0.0/14;',
    client: 'shared-secret "test secret"; multilink { fragment-threshold 512; }',
    group: 'receive-window 128; maximum-send-window 128;',
  }),
  { arguments: ['--net', 'embedded', '--shards', '2'] },
);
try {
  const idle = server.residentOctets;
  let up = 0;
  let cpu = 0;
  const result = await dialled(
    [
      ...['--server', '127.0.0.1', '--port', String(server.port), '--secret', 'test secret', '--user', 'user'],
      ...['--password', 'password', '--tunnels', String(tunnels), '--sessions', String((bundles * 2) / tunnels)],
      ...['--multilink', '2', '--spread', '--ports', '64', '--timeout', '80', '--size', '1000', '--burst', '1'],
      ...['--traffic', String(smoke ? 500 : 20_000), '--duration', String(smoke ? 1 : 5), '--per-session'],
    ],
    [],
    (line) => {
      if (line === 'traffic begins') {
        up = server.residentOctets;
        cpu = -server.cpuNs;
      } else if (line === 'traffic ends') cpu += server.cpuNs;
    },
  );
  if (result.bundles !== bundles || result.sessions !== bundles * 2)
    throw new Error(`${result.bundles} of ${bundles} bundles came up, ${result.sessions} of ${bundles * 2} links`);
  const traffic = result.traffic!;
  const silent = traffic.perSession!.filter(({ sent, lost }) => sent === 0 || lost === sent).length;
  if (silent > 0 || traffic.bad > 0) throw new Error(`${silent} bundles passed no packet, ${traffic.bad} were damaged`);
  const cost = cpu / (traffic.sent + traffic.received);
  report({
    bench: 'bundles',
    case: `${bundles} bundles x 2 links over ${tunnels} tunnels, ${result.setup.perSecond} links/s; 1,000-octet packets in 2 fragments through all; memory ${Math.round(up / 1e6)} MB, ${Math.round(idle / 1e6)} MB before, emulator ${result.memoryMb} MB`,
    ns: { min: Math.round(cost), median: Math.round(cost), p99: Math.round(cost) },
    perSecond: Math.round(1e9 / cost),
    runs: 1,
    loss: traffic.lossPart,
  });
} finally {
  await server.stop();
}
