import type { Completion, ConfigReply, ConfigurationSession, SessionOptions } from '../config/session.ts';
import type { CommitRecord } from '../config/session-types.ts';
import type { Platform } from '../platform/platform.ts';
import type { Lns } from '../server/lns.ts';

/** Who gives the commands. */
export interface OperatorUser {
  readonly name: string;
  /** `view` looks; `operate` clears, restarts and follows traces as well; `full` configures too. */
  readonly class: UserClass;
}
export type UserClass = 'view' | 'operate' | 'full';

/**
 * What operational commands look at and act on. Every part beside the server itself may be absent: its commands are
 * then not in the table at all.
 */
export interface OperationalTarget {
  readonly lns: Lns;
  readonly hostName: string;
  readonly version: string;
  readonly platform: Platform;
  readonly configuration?: ConfigurationAccess | undefined;
  readonly logs?: LogFiles | undefined;
  readonly pics?: PicControl | undefined;
  readonly switchover?: Switchover | undefined;
  readonly echo?: EchoService | undefined;
  readonly processes?: Processes | undefined;
}

/** The configuration database. */
export interface ConfigurationAccess {
  /** Enters configuration mode. @throws ConfigError where another operator holds the database */
  open(options: SessionOptions): ConfigurationSession;
  /** What is in force, as `show` of configuration mode tells it; `pipes` as typed, each with its bar. */
  show(path: string, pipes: string): Promise<ConfigReply>;
  /** What may follow in `show configuration PATH`. */
  complete(path: string): readonly Completion[];
  /** A former configuration, 0 the one in force, in curly format; null where there is none. */
  rollback(number: number): Promise<string | null>;
  /** What the second has that the first has not, as `| compare` prints it; null where one of them is not there. */
  compareRollbacks(first: number, second: number): Promise<string | null>;
  /** The last commits, the newest first. */
  readonly commits: readonly CommitRecord[];
}

/** Log and trace files, by name; a name holds no slash. */
export interface LogFiles {
  list(): readonly { readonly name: string; readonly octets: number; readonly modified: Date }[];
  /** @returns its text in pieces; null where there is no such file */
  read(name: string): AsyncIterable<string> | null;
  /** Tells what is written from now on. @returns how to stop; null where there is no such file */
  follow(name: string, take: (text: string) => void): (() => void) | null;
}

/** Services PICs taken offline and back. */
export interface PicControl {
  /** Names, as `sp-1/2/0`. */
  readonly offline: ReadonlySet<string>;
  /** @returns what Junos says of it, or why it cannot be done */
  set(fpc: number, pic: number, online: boolean): { readonly ok: boolean; readonly text: string };
  /** The same for all services PICs of an FPC. */
  setFpc(fpc: number, what: 'offline' | 'online' | 'restart'): { readonly ok: boolean; readonly text: string };
}

/** Redundant services interfaces. */
export interface Switchover {
  interfaces(): readonly RedundantInterface[];
  /** `revert` goes back to the primary. @returns null, or why it cannot be done */
  request(what: 'switchover' | 'revert', name: string): string | null;
}
export interface RedundantInterface {
  readonly name: string;
  readonly primary: string;
  readonly secondary: string;
  readonly active: 'primary' | 'secondary' | 'none';
  /** In the words of `show interfaces redundancy`: `On primary`, `Not present`; `both up`, `primary down`. */
  readonly state: string;
  readonly status: string;
  readonly lastChange: Date | null;
}

/** ICMP Echo from the server's own address through a session. */
export interface EchoService {
  /** @returns milliseconds until the answer; null where none came within `timeoutMs` */
  echo(
    address: string,
    sequence: number,
    octets: number,
    timeoutMs: number,
  ): Promise<{ ms: number; ttl: number } | null>;
}

/** Parts of the server that can be begun anew. */
export interface Processes {
  readonly names: readonly { readonly name: string; readonly help: string }[];
  restart(name: string): Promise<string>;
}
