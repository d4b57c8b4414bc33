import type { LnsConfig, TraceConfig } from '../config/types.ts';
import { GroupSyslog } from '../syslog/groups.ts';
import { LogDirectory } from '../trace/directory.ts';
import type { RotatingFile } from '../trace/file.ts';
import { Tracer } from '../trace/tracer.ts';
import type { Fields, Log, Severity } from './log.ts';

export interface LoggingOptions {
  /** The process's own log. */
  readonly log: Log;
  /** Log and trace files; null: there are none, and nothing is traced. */
  readonly directory: string | null;
  readonly hostName: () => string;
}

/** File of what goes to `host local`, as a router's own. */
const LOCAL_FILE = 'messages';
const LOCAL_FILE_OCTETS = 128 * 1024;
const LOCAL_FILES = 10;

/** What is traced: `traceoptions` of L2TP, and those of the services interfaces themselves. */
export function traceOf(config: LnsConfig): TraceConfig | null {
  const traced = [...config.interfaces.values()].filter(({ traceAll }) => traceAll);
  if (traced.length === 0) return config.trace;
  const trace = config.trace ?? NO_TRACE;
  const interfaces = new Map(trace.interfaces);
  for (const { name, redundancy } of traced)
    for (const pic of redundancy === null ? [name] : [redundancy.primary, redundancy.secondary])
      if (!interfaces.has(pic)) interfaces.set(pic, { debugLevel: 'error', flags: new Set(['all']) });
  return { ...trace, interfaces };
}
/** Defaults of `traceoptions`, where only an interface has some. */
const NO_TRACE: TraceConfig = {
  file: { name: 'l2tpd', files: 3, sizeOctets: 128 * 1024, match: null, worldReadable: false },
  level: null,
  debugLevel: null,
  flags: new Set(),
  protocols: new Set(),
  userName: null,
  interfaces: new Map(),
};

/** Where events go: the process's own log, the log hosts of their tunnel group, the trace file. */
export class Logging {
  readonly files: LogDirectory | null;
  /** null: there is nowhere to write to. */
  readonly tracer: Tracer | null;
  readonly #options: LoggingOptions;
  readonly #syslog: GroupSyslog;
  #local: RotatingFile | null = null;

  constructor(options: LoggingOptions) {
    this.#options = options;
    const { directory, log, hostName } = options;
    const failed = (reason: string): void => log('error', 'log-file', { reason });
    this.files = directory === null ? null : new LogDirectory(directory, failed);
    this.tracer = this.files === null ? null : new Tracer({ files: this.files });
    this.#syslog = new GroupSyslog({ hostName, local: (line) => this.#localLine(line) });
  }
  configure(config: LnsConfig): void {
    this.#syslog.configure(config.tunnelGroups);
    const trace = traceOf(config);
    this.tracer?.configure(trace);
    if (trace !== null && this.tracer === null)
      this.#options.log('warning', 'no-trace', { reason: 'there is no directory for trace files' });
  }
  readonly log = (severity: Severity, event: string, fields?: Fields): void => {
    this.#options.log(severity, event, fields);
    this.#syslog.event(severity, event, fields);
    if (this.tracer?.active === true) this.tracer.event(severity, event, fields);
  };
  #localLine(line: string): void {
    this.#local ??=
      this.files?.open(LOCAL_FILE, { sizeOctets: LOCAL_FILE_OCTETS, files: LOCAL_FILES, worldReadable: false }) ?? null;
    this.#local?.writeLine(line);
  }
  async close(): Promise<void> {
    await this.#syslog.close();
    await this.tracer?.close();
    await this.#local?.close();
    this.#local = null;
  }
}
