import { type LimitReason, Limits } from '../aaa/limits.ts';
import { Terminate, type TerminateCause } from '../aaa/terminate.ts';
import { DEFAULT_KEEPALIVE_MS, DEFAULT_KEEPALIVE_RETRIES } from '../config/types.ts';
import { buildFrame, octets32, PPP_LCP } from '../wire/ppp.ts';
import type { RandomSource } from '../wire/random.ts';
import type { Call } from './call.ts';
import type { Plane } from './plane.ts';

const ECHO_REQUEST = 9;

export interface BoundsOptions {
  /** Session rows that there may be. */
  readonly rows: number;
  readonly plane: () => Plane;
  readonly random: RandomSource;
  readonly now: () => number;
  readonly callOf: (row: number) => Call | undefined;
  /** Ends a session: with LCP Terminate where the peer may still hear it. */
  end(call: Call, reason: LimitReason, message: string): void;
}

const END: Record<LimitReason, readonly [cause: TerminateCause, message: string]> = {
  'idle-timeout': [Terminate.IdleTimeout, 'idle timeout'],
  'session-timeout': [Terminate.SessionTimeout, 'session timeout'],
  keepalive: [Terminate.LostCarrier, 'no answer to LCP Echo-Requests'],
};

/** idle-timeout, session-timeout and keepalive of the sessions and member links that are up. */
export class Bounds {
  readonly #options: BoundsOptions;
  readonly limits: Limits;
  #identifier = 0;

  constructor(options: BoundsOptions) {
    this.#options = options;
    const { plane, callOf } = options;
    this.limits = new Limits(
      options.rows,
      {
        lastData: (row) => {
          const members = callOf(row)?.bundle?.members;
          if (members === undefined) return plane().tables.lastData(row);
          let [rx, tx] = [0, 0];
          for (const { row: link } of members) {
            const last = link === 0 ? { rx: 0, tx: 0 } : plane().tables.lastData(link);
            rx = later(rx, last.rx);
            tx = later(tx, last.tx);
          }
          return { rx, tx };
        },
        echo: (row) => this.#echo(row),
        end: (row, reason) => {
          const call = callOf(row);
          if (call === undefined) return;
          const [cause, message] = END[reason];
          call.terminateCause = cause;
          call.lastReason = message;
          options.end(call, reason, message);
        },
      },
      options.now(),
    );
  }
  /** The session, or the bundle that it is a link of, is up. */
  add(call: Call): void {
    const attributes = call.networkEnd.attributes ?? call.attributes;
    this.#options.plane().tables.echoReset(call.row);
    this.limits.add(
      call.row,
      {
        idleTimeoutMs: attributes?.ppp.idleTimeoutMs ?? 0,
        sessionTimeoutMs: attributes?.sessionTimeoutMs ?? 0,
        keepaliveMs: attributes?.ppp.keepaliveMs ?? DEFAULT_KEEPALIVE_MS,
        keepaliveRetries: attributes?.ppp.keepaliveRetries ?? DEFAULT_KEEPALIVE_RETRIES,
      },
      this.#options.now(),
      this.#options.random.u32() / 2 ** 32,
    );
  }
  remove(call: Call): void {
    if (call.row !== 0) this.limits.remove(call.row);
  }

  #echo(row: number): number {
    const { plane, callOf } = this.#options;
    this.#identifier = (this.#identifier + 1) & 0xff;
    const unanswered = plane().tables.echoSent(row, this.#identifier);
    const magic = octets32(callOf(row)?.lcp?.localMagic ?? 0);
    plane().inject(row, buildFrame(PPP_LCP, ECHO_REQUEST, this.#identifier, magic), false);
    return unanswered;
  }
}

/** The later of two times of a clock that wraps; 0 is never. */
const later = (a: number, b: number): number => (a === 0 ? b : b === 0 ? a : ((b - a) | 0) > 0 ? b : a);
