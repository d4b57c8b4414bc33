import dgram from 'node:dgram';
import { lookup } from 'node:dns';
import { isIP } from 'node:net';

/** Messages that wait for one host: while its name is looked up, or its datagrams are on their way. */
export const QUEUE_MAX = 1024;
/** Datagrams of one host that the kernel has not taken yet. */
const UNDER_WAY_MAX = 64;
const RESOLVE_AGAIN_MS = 600_000;
const RESOLVE_RETRY_MS = 30_000;
const CLOSE_MS = 500;

export type Resolve = (host: string, answer: (address: string | null) => void) => void;
const byDns: Resolve = (host, answer) => lookup(host, (error, address) => answer(error === null ? address : null));

/** One log host. Messages to it are never waited for: those that find no room are lost and counted. */
class Destination {
  readonly #host: string;
  readonly #port: number;
  readonly #sender: SyslogSender;
  readonly #queue: Buffer[] = [];
  #address: string | null;
  #resolving = false;
  #resolveAt = 0;
  #underWay = 0;
  lost = 0;

  constructor(sender: SyslogSender, host: string, port: number) {
    this.#sender = sender;
    this.#host = host;
    this.#port = port;
    this.#address = isIP(host) === 0 ? null : host;
    if (this.#address !== null) this.#resolveAt = Number.POSITIVE_INFINITY;
  }
  get idle(): boolean {
    return this.#queue.length === 0 && this.#underWay === 0;
  }

  send(packet: Buffer): void {
    if (this.#queue.length >= QUEUE_MAX) {
      this.lost++;
      return;
    }
    this.#queue.push(packet);
    this.#work();
  }
  #work(): void {
    const now = performance.now();
    if (now >= this.#resolveAt && !this.#resolving) this.#resolve();
    while (this.#address !== null && this.#queue.length > 0 && this.#underWay < UNDER_WAY_MAX) {
      this.#underWay++;
      this.#sender.transmit(this.#queue.shift()!, this.#port, this.#address, (sent) => {
        this.#underWay--;
        if (!sent) this.lost++;
        if (this.#queue.length > 0) this.#work();
      });
    }
  }
  #resolve(): void {
    this.#resolving = true;
    this.#sender.resolve(this.#host, (address) => {
      this.#resolving = false;
      this.#resolveAt = performance.now() + (address === null ? RESOLVE_RETRY_MS : RESOLVE_AGAIN_MS);
      if (address !== null) this.#address = address;
      else if (this.#address === null) {
        // Nobody knows where it is: what waits is lost, and the next message after a while asks again.
        this.lost += this.#queue.length;
        this.#queue.length = 0;
      }
      this.#work();
    });
  }
}

/** Sends syslog packets over UDP. Nothing here blocks, and no host can hold up another. */
export class SyslogSender {
  readonly resolve: Resolve;
  readonly #destinations = new Map<string, Destination>();
  readonly #sockets = new Map<4 | 6, dgram.Socket>();
  #closed = false;

  constructor(resolve: Resolve = byDns) {
    this.resolve = resolve;
  }
  send(host: string, port: number, packet: Buffer): void {
    if (this.#closed) return;
    const key = `${host} ${port}`;
    let destination = this.#destinations.get(key);
    if (destination === undefined) {
      destination = new Destination(this, host, port);
      this.#destinations.set(key, destination);
    }
    destination.send(packet);
  }
  /** Messages that did not get away, in all. */
  get lost(): number {
    let lost = 0;
    for (const destination of this.#destinations.values()) lost += destination.lost;
    return lost;
  }
  transmit(packet: Buffer, port: number, address: string, done: (sent: boolean) => void): void {
    const family = isIP(address) === 6 ? 6 : 4;
    let socket = this.#sockets.get(family);
    if (socket === undefined) {
      socket = dgram.createSocket(family === 6 ? 'udp6' : 'udp4');
      socket.unref();
      socket.on('error', () => undefined);
      this.#sockets.set(family, socket);
    }
    socket.send(packet, port, address, (error) => done(error === null));
  }
  /** Waits a moment for what is under way, then closes. */
  async close(): Promise<void> {
    const until = performance.now() + CLOSE_MS;
    while (performance.now() < until && [...this.#destinations.values()].some((one) => !one.idle))
      await new Promise((resolve) => setTimeout(resolve, 5));
    this.#closed = true;
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }
}
