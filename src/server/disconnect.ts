import { hostname } from 'node:os';
import { type DynamicTarget, performDynamic } from '../aaa/dynamic.ts';
import { Terminate } from '../aaa/terminate.ts';
import type { LnsConfig } from '../config/types.ts';
import { DynamicListener } from '../io/dynamic.ts';
import { DICTIONARY } from '../radius/dictionary.ts';
import { type DynamicResult, DynamicServer } from '../radius/dynamic.ts';
import type { AccountedCall } from './accounted.ts';
import type { Log } from './log.ts';

export interface DisconnectOptions {
  readonly config: LnsConfig;
  readonly log: Log;
  readonly sessions: DynamicTarget<AccountedCall>['sessions'] & {
    find(attribute: string, value: string): Iterable<AccountedCall> | undefined;
  };
  /** Ends a session. */
  clear(session: AccountedCall): void;
  readonly canChange: DynamicTarget<AccountedCall>['canChange'];
  readonly change: DynamicTarget<AccountedCall>['change'];
  readonly filterRates: DynamicTarget<AccountedCall>['filterRates'];
}

/** The disconnect server: `radius-disconnect-port` and the clients of `radius-disconnect`. Also takes CoA-Requests. */
export class DisconnectServer {
  #config: LnsConfig;
  readonly #options: DisconnectOptions;
  readonly #server: DynamicServer;
  #listener: DynamicListener | null = null;
  /** What the listener was opened for. */
  #opened = '';

  constructor(options: DisconnectOptions) {
    this.#options = options;
    this.#config = options.config;
    const config = (): LnsConfig => this.#config;
    const target: DynamicTarget<AccountedCall> = {
      sessions: options.sessions,
      find: (attribute, value) => options.sessions.find(attribute, value),
      get nasIdentifier() {
        return config().hostName ?? hostname();
      },
      get nasAddresses() {
        return new Set(config().tunnelGroups.map(({ localGateway }) => localGateway));
      },
      disconnect: (session) => {
        session.call.terminateCause = Terminate.AdminReset;
        session.call.lastReason = 'disconnected by RADIUS';
        options.clear(session);
      },
      canChange: options.canChange,
      change: options.change,
      filterRates: options.filterRates,
    };
    this.#server = new DynamicServer({
      clients: clientsOf(options.config),
      handler: (request, packet) =>
        performDynamic(request, packet, target, ({ vendor, type }) => DICTIONARY.find(vendor, type)?.name),
    });
  }
  get counters(): DynamicServer['counters'] {
    return this.#server.counters;
  }
  /** Port that is listened on; 0 where none is. */
  get port(): number {
    return this.#listener?.port ?? 0;
  }

  /** Opens the port, or closes it, as the configuration says. What cannot be bound is logged: sessions go on. */
  async configure(config: LnsConfig): Promise<void> {
    this.#config = config;
    this.#server.configure(clientsOf(config));
    const { radiusDisconnect } = config;
    const families = new Set([...(radiusDisconnect?.clients.keys() ?? [])].map((one) => (one.includes(':') ? 6 : 4)));
    const wanted = radiusDisconnect === null ? '' : `${radiusDisconnect.port} ${[...families].sort().join()}`;
    if (wanted === this.#opened) return;
    this.close();
    this.#opened = wanted;
    if (radiusDisconnect === null || families.size === 0) return;
    const { log } = this.#options;
    try {
      this.#listener = await DynamicListener.open(this.#server, radiusDisconnect.port, families, (result, address) =>
        this.#told(result, address),
      );
      log('info', 'radius-disconnect', { port: this.port, clients: radiusDisconnect.clients.size });
    } catch (error) {
      this.#opened = '';
      log('error', 'radius-disconnect', { port: radiusDisconnect.port, reason: (error as Error).message });
    }
  }
  close(): void {
    this.#listener?.close();
    this.#listener = null;
    this.#opened = '';
  }

  #told(result: DynamicResult, client: string): void {
    const { log } = this.#options;
    // Bounded by the log itself: an event that comes in floods has a budget.
    if ('dropped' in result) return log('warning', 'radius-disconnect-dropped', { client, reason: result.dropped });
    const { request, errorCause, duplicate } = result;
    log('info', `radius-${request}`, {
      client,
      answer: errorCause === null ? 'ack' : 'nak',
      cause: errorCause === null ? undefined : DICTIONARY.nameOf('Error-Cause', errorCause),
      duplicate: duplicate || undefined,
    });
  }
}

function clientsOf(config: LnsConfig): Map<string, Uint8Array> {
  const clients = new Map<string, Uint8Array>();
  for (const [address, secret] of config.radiusDisconnect?.clients ?? [])
    clients.set(address, Buffer.from(secret, 'utf8'));
  return clients;
}
