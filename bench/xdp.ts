// What AF_XDP saves: CPU time of the shard's thread for one packet up and one down (the embedded host echoes), on a veth
// pair whose ends are in two network namespaces, each way in turn in one run. Needs root; where it is not there, a line
// says so.
import type { LnsOptions } from '../src/server/lns.ts';
import { configuration, Pair } from '../test/server/pair.ts';
import { LAC, LNS, Veth, within } from '../test/support/veth.ts';
import { report, smoke } from './support.ts';

const runs = smoke ? 1 : 5;
const ms = smoke ? 100 : 2000;
const rate = smoke ? 2000 : 60_000;
const WAYS: readonly (readonly [name: string, options: Partial<LnsOptions>])[] = [
  ['recvmmsg, sendmmsg', { rungs: { gro: false, gso: false } }],
  ['UDP_GRO, UDP_SEGMENT', {}],
  ['AF_XDP', { xdp: 'v1' }],
];

async function measure(
  options: Partial<LnsOptions>,
  octets: number,
): Promise<{ ns: number; lost: number; xdp: number }> {
  const veth = new Veth();
  try {
    const text = configuration({ client: 'shared-secret "test secret";' }).replace(
      'address 127.0.0.1',
      `address ${LNS}`,
    );
    const pair = await within(veth.lns, () => Pair.start(text, { shards: 1, log: () => undefined, ...options }));
    try {
      const lac = await within(veth.lac, () =>
        pair.dial(
          { tunnels: 10, sessionsPerTunnel: 10 },
          { localAddresses: [LAC], traffic: { kind: 'udp', target: '192.0.2.7', sizes: [octets], burst: 1, flows: 1 } },
        ),
      );
      await lac.settled(20_000);
      await pair.traffic(lac, rate, ms / 4);
      lac.resetTraffic();
      const cpu = pair.lns.plane.shardCpu(0);
      const { sent, received } = await pair.traffic(lac, rate, ms);
      const spent = (pair.lns.plane.shardCpu(0) - cpu) >>> 0;
      const { xdpRx = 0 } = pair.lns.plane.counters(0).totals;
      await lac.stop();
      return { ns: (spent * 1000) / received, lost: sent - received, xdp: xdpRx };
    } finally {
      await pair.close();
    }
  } finally {
    veth.close();
  }
}

if (process.getuid?.() !== 0) console.log('# xdp: needs root');
else
  for (const octets of smoke ? [64] : [64, 512, 1400]) {
    const all = new Map(WAYS.map(([name]) => [name, [] as number[]]));
    let lost = 0;
    for (let run = 0; run < runs; run++)
      for (const [name, options] of WAYS) {
        const result = await measure(options, octets);
        if (result.xdp > 0 !== (options.xdp !== undefined)) throw new Error(`${name}: ${result.xdp} frames by AF_XDP`);
        all.get(name)!.push(result.ns);
        lost += result.lost;
      }
    for (const [name, ns] of all) {
      ns.sort((a, b) => a - b);
      const [min, median, p99] = [ns[0]!, ns[ns.length >>> 1]!, ns.at(-1)!].map(Math.round) as [number, number, number];
      report({
        bench: 'xdp',
        case: `${name}, ${octets} octets, a packet up and one down, 100 sessions, ${rate}/s; ${lost} lost in all runs`,
        ns: { min, median, p99 },
        perSecond: Math.round(1e9 / median),
        runs,
      });
    }
  }
