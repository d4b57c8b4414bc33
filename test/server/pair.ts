// A server and an emulator in this process, over real UDP on loopback.
import { loadConfig } from '../../src/config/load.ts';
import type { LnsConfig } from '../../src/config/types.ts';
import { Lac, type LacOptions, type LacProfile } from '../../src/emulator/lac.ts';
import type { ChangeReport } from '../../src/server/change.ts';
import { Lns, type LnsOptions } from '../../src/server/lns.ts';
import { type Fields, formatEvent } from '../../src/server/log.ts';
import type { PeerAddress } from '../../src/wire/address.ts';

/** A configuration; `users` and `pool` replace what stands there by default. */
export const configuration = (
  options: { users?: string; pool?: string; client?: string; group?: string; access?: string } = {},
): string => `
system { host-name lns-test; }
services { l2tp { tunnel-group test {
  l2tp-access-profile lacs; ppp-access-profile users;
  local-gateway address 127.0.0.1; service-interface sp-1/2/0; ${options.group ?? ''}
} } }
access {
  address-pool clients { ${options.pool ?? 'address 100.64.0.0/16;'} }
  group-profile defaults { ppp { framed-pool clients; primary-dns 192.0.2.53; } }
  profile lacs { client * { l2tp { ${options.client ?? 'shared-secret "test secret";'} } user-group-profile defaults; } }
  profile users { ${options.users ?? 'client user { chap-secret "password"; pap-password "password"; }'} }
  ${options.access ?? ''}
}
interfaces { sp-1/2/0 {
  unit 0 { family inet { address 100.64.255.1/32; } }
  unit 10 { dial-options { l2tp-interface-id one; dedicated; } family inet; }
  unit 11 { dial-options { l2tp-interface-id one; dedicated; } family inet { address 100.64.255.11/32; } }
  unit 20 { dial-options { l2tp-interface-id many; shared; } family inet; }
} }
`;

/** A configuration as the server takes it. @throws Error with what is wrong */
export function resolved(text: string): LnsConfig {
  const { config, diagnostics } = loadConfig(text, 'm10i');
  if (config === null) throw new Error(JSON.stringify(diagnostics));
  return config;
}

export interface Event {
  event: string;
  fields: Fields;
}

export class Pair {
  readonly lns: Lns;
  readonly events: Event[] = [];
  lines = '';
  readonly #lacs: Lac[] = [];
  readonly #told = new Map<Lac, string[]>();

  private constructor(config: string, options: Partial<LnsOptions>) {
    this.lns = new Lns(resolved(config), {
      net: 'embedded',
      tun: 'lns0',
      shards: 2,
      port: 0,
      tunnels: 1000,
      sessions: 20_000,
      log: (severity, event, fields = {}) => {
        this.events.push({ event, fields });
        this.lines += `${formatEvent(new Date(), severity, event, fields)}\n`;
      },
      ...options,
    });
  }
  static async start(config = configuration(), options: Partial<LnsOptions> = {}): Promise<Pair> {
    const pair = new Pair(config, options);
    await pair.lns.start();
    return pair;
  }
  /** Puts another configuration in force. */
  async change(config: string): Promise<ChangeReport> {
    return this.lns.reconfigure(resolved(config));
  }
  /** Where a gateway listens. */
  gateway(address: string): PeerAddress {
    const found = this.lns.listening.find((one) => one.address === address);
    if (found === undefined) throw new Error(`nobody listens on ${address}`);
    return found;
  }
  /** An emulator that dials the server. */
  async dial(profile: Partial<LacProfile> = {}, options: Partial<LacOptions> = {}): Promise<Lac> {
    const lines: string[] = [];
    const lac = new Lac({
      profiles: [
        {
          server: this.lns.listening[0]!,
          tunnels: 1,
          sessionsPerTunnel: 1,
          hostName: 'lac-%d',
          secret: 'test secret',
          hideAvps: false,
          user: 'user',
          password: 'password',
          methods: ['chap-md5', 'pap'],
          sequencing: false,
          ...profile,
        },
      ],
      localAddresses: ['127.0.0.1'],
      ports: 0,
      shards: 1,
      setupRate: 0,
      traffic: { kind: 'udp', target: '192.0.2.7', sizes: [64], burst: 4, flows: 1 },
      impair: null,
      helloIntervalMs: 60_000,
      log: (line) => lines.push(line),
      ...options,
    });
    this.#told.set(lac, lines);
    this.#lacs.push(lac);
    await lac.start();
    return lac;
  }
  /** Why a LAC's tunnels were closed, each reason once. */
  closings(lac: Lac): string[] {
    const reasons = this.#told.get(lac)!.flatMap((line) => /^tunnel \d+ closed: (.*)$/.exec(line)?.[1] ?? []);
    return [...new Set(reasons)];
  }
  /** Waits until `condition` holds. @throws Error after `timeoutMs` */
  async until(condition: () => boolean, timeoutMs = 5000): Promise<void> {
    const end = performance.now() + timeoutMs;
    while (!condition()) {
      if (performance.now() > end) throw new Error(`it did not happen within ${timeoutMs} ms:\n${this.lines}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  /** Traffic for `ms`, longer on a machine that stalls, and what came back once it has settled. */
  async traffic(lac: Lac, packetsPerSecond: number, ms: number): Promise<Lac['traffic']> {
    // A client is up once it has agreed; the server hears of it a moment later, and drops what comes sooner.
    for (let tries = 0; tries < 100 && this.lns.sessionsUp < lac.status.sessionsUp; tries++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    const before = lac.traffic.sent;
    lac.setTraffic(packetsPerSecond);
    await new Promise((resolve) => setTimeout(resolve, ms));
    // The rate is a ceiling: a generator that had no turn does not catch up.
    const enough = before + (packetsPerSecond * ms * 0.7) / 1000;
    for (let tries = 0; tries < 200 && lac.traffic.sent < enough; tries++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    lac.setTraffic(0);
    await Pair.#settled(lac);
    return lac.traffic;
  }
  /**
   * Waits until nothing is under way any more: everything is back, or nothing more came for a second. A machine may give
   * any of the threads between a packet and its answer no turn for hundreds of milliseconds.
   */
  static async #settled(lac: Lac): Promise<void> {
    const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 100));
    const end = performance.now() + 15_000;
    let last = '';
    for (let unchanged = 0; unchanged < 10 && performance.now() < end; ) {
      await pause();
      const { sent, received, duplicates } = lac.traffic;
      const now = `${sent} ${received} ${duplicates}`;
      unchanged = now === last ? unchanged + 1 : 0;
      if (unchanged > 0 && received === sent) return;
      last = now;
    }
  }
  drops(): Record<string, number> {
    const all: Record<string, number> = {};
    for (let shard = 0; shard < this.lns.plane.shards; shard++)
      for (const [name, count] of Object.entries(this.lns.plane.counters(shard).drops))
        all[name] = (all[name] ?? 0) + count;
    return all;
  }
  async close(): Promise<void> {
    for (const lac of this.#lacs) await lac.stop();
    await this.lns.stop();
  }
}
