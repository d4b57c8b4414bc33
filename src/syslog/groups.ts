import type { SyslogHostConfig, TunnelGroup } from '../config/types.ts';
import { type Fields, FloodGate, type Severity } from '../server/log.ts';
import { contentOf, DEFAULT_FACILITY, FACILITY, SEVERITY, syslogPacket, THRESHOLD, timestampOf } from './message.ts';
import { SyslogSender } from './sender.ts';

/** Messages of one name that a group sends in a second; what is withheld is said in the next one. */
const FLOOD_PER_SECOND = 500;

export interface GroupSyslogOptions {
  /** Takes a line for `host local`: time, host name, content. */
  readonly local: (line: string) => void;
  readonly hostName: () => string;
  readonly sender?: SyslogSender;
  readonly clock?: () => Date;
  readonly pid?: number;
}

/**
 * `syslog` of the tunnel groups: each event goes to the hosts of its group; one that belongs to no group (the server
 * starts, a shard fails) to all hosts, to each once.
 */
export class GroupSyslog {
  readonly #options: GroupSyslogOptions;
  readonly #sender: SyslogSender;
  readonly #clock: () => Date;
  readonly #pid: number;
  readonly #gate = new FloodGate(FLOOD_PER_SECOND);
  #groups = new Map<string, readonly SyslogHostConfig[]>();
  #all: readonly SyslogHostConfig[] = [];

  constructor(options: GroupSyslogOptions) {
    this.#options = options;
    this.#sender = options.sender ?? new SyslogSender();
    this.#clock = options.clock ?? (() => new Date());
    this.#pid = options.pid ?? process.pid;
  }

  /** Takes up the hosts of another configuration, at once. */
  configure(groups: readonly Pick<TunnelGroup, 'name' | 'syslog'>[]): void {
    this.#groups = new Map(groups.map(({ name, syslog }) => [name, syslog]));
    const all = new Map<string, SyslogHostConfig>();
    for (const { syslog } of groups) for (const host of syslog) all.set(`${host.host} ${host.port}`, host);
    this.#all = [...all.values()];
  }
  /** Messages to hosts that did not get away. */
  get lost(): number {
    return this.#sender.lost;
  }

  event(severity: Severity, event: string, fields: Fields = {}): void {
    const { group } = fields;
    // A group that was deleted a moment ago has nobody to tell.
    const hosts = typeof group === 'string' ? this.#groups.get(group) : this.#all;
    if (hosts === undefined || hosts.length === 0) return;
    const withheld = this.#gate.admit(`${event} ${String(group)}`);
    if (withheld === null) return;
    const told = withheld > 0 ? { ...fields, withheld } : fields;
    const code = SEVERITY[severity];
    const time = this.#clock();
    for (const { host, port, severity: threshold, facility, logPrefix } of hosts) {
      if (code > THRESHOLD[threshold]) continue;
      const content = contentOf(event, told, logPrefix, this.#pid);
      const hostName = this.#options.hostName();
      if (host === 'local') this.#options.local(`${timestampOf(time)} ${hostName} ${content}`);
      else
        this.#sender.send(
          host,
          port,
          syslogPacket(FACILITY[facility ?? DEFAULT_FACILITY], code, time, hostName, content),
        );
    }
  }
  close(): Promise<void> {
    return this.#sender.close();
  }
}
