// A LAC by hand: one UDP socket that says exactly what a test wants said.
import dgram from 'node:dgram';
import { WasmCrypto } from '../../src/dataplane/crypto.ts';
import { AVP, MESSAGE_NAMES } from '../../src/wire/avp.ts';
import { parseL2tpHeader } from '../../src/wire/l2tp.ts';
import { MessageBuilder, parseControlMessage, stampMessage, u16Of } from '../../src/wire/message.ts';
import { be16 } from '../../src/wire/ppp.ts';
import { SeededRandom } from '../../src/wire/random.ts';

export const SECRET = Buffer.from('testing123');
export const crypto = new WasmCrypto();

export interface Reply {
  /** Name of a control message, 'ZLB', or 'data'. */
  what: string;
  result: number;
  error: number;
  values: ReadonlyMap<number, Uint8Array>;
  nr: number;
  ns: number;
  /** As it came. */
  octets: Uint8Array;
  /** Of a data message: from the PPP protocol field on. */
  frame: Uint8Array;
}

/** A whole packet in a multilink frame (24 bits) as if it had come plain, its protocol field in two octets. */
function unbundled(frame: Uint8Array): Uint8Array {
  const at = frame[0] === 0x3d ? 1 : frame[0] === 0 && frame[1] === 0x3d ? 2 : 0;
  if (at === 0 || (frame[at]! & 0xc0) !== 0xc0) return frame;
  const inner = frame.subarray(at + 4);
  return inner.length > 0 && (inner[0]! & 1) === 1 ? Buffer.concat([Buffer.from([0]), inner]) : inner;
}

let peers = 0;
/** Peers that were made so far. */
export const peerCount = (): number => peers;

/** A LAC with a socket of its own. */
export class Peer {
  readonly #socket = dgram.createSocket('udp4');
  readonly #port: number;
  readonly #builder = new MessageBuilder(crypto, new SeededRandom(7));
  replies: Reply[] = [];
  tunnel = 0;
  session = 0;
  ns = 0;
  nr = 0;
  /** Acknowledge nothing beyond this. */
  heldNr: number | null = null;
  #wake: (() => void) | null = null;

  readonly #address: string;

  constructor(port: number, address = '127.0.0.1') {
    this.#port = port;
    this.#address = address;
    this.#socket.on('message', (octets) => this.#take(octets));
  }
  async bind(): Promise<void> {
    // An address of its own: a port used again would make its SCCRQ a repeated one of an older tunnel.
    const number = ++peers;
    await new Promise<void>((resolve) => this.#socket.bind(0, `127.1.${number >>> 8}.${number & 255}`, resolve));
  }
  close(): void {
    this.#socket.close();
  }
  #take(octets: Buffer): void {
    const header = parseL2tpHeader(octets);
    if (typeof header === 'string') throw new Error(`the server sent a bad header: ${header}`);
    const reply: Reply = {
      what: 'data',
      result: 0,
      error: 0,
      values: new Map(),
      nr: 0,
      ns: 0,
      octets,
      frame: new Uint8Array(0),
    };
    if (header.control) {
      const message = parseControlMessage(octets, header.headerOctets, header.messageOctets, SECRET, crypto);
      if (message.fault !== null) throw new Error(`the server sent a bad message: ${message.fault.message}`);
      reply.what = message.type < 0 ? 'ZLB' : MESSAGE_NAMES[message.type]!;
      reply.values = message.values;
      reply.nr = header.nr!;
      reply.ns = header.ns!;
      const result = message.values.get(AVP.resultCode);
      reply.result = u16Of(result);
      reply.error = result !== undefined && result.length >= 4 ? u16Of(result.subarray(2)) : 0;
      if (message.type >= 0 && header.ns === this.nr) this.nr = (this.nr + 1) & 0xffff;
    } else {
      const from = octets[header.headerOctets] === 0xff ? header.headerOctets + 2 : header.headerOctets;
      reply.frame = unbundled(octets.subarray(from, header.messageOctets));
    }
    this.replies.push(reply);
    this.#wake?.();
  }
  raw(octets: Uint8Array): void {
    this.#socket.send(octets, this.#port, this.#address);
  }
  /** Sends a control message with the next Ns. */
  control(type: number, session: number, build: (builder: MessageBuilder) => MessageBuilder): void {
    const octets = build(this.#builder.begin(type, this.tunnel, session, null)).end();
    stampMessage(octets, this.ns, this.heldNr ?? this.nr);
    this.ns = (this.ns + 1) & 0xffff;
    this.raw(octets);
  }
  frame(frame: Uint8Array): void {
    const header = [0x00, 0x02, this.tunnel >>> 8, this.tunnel & 255, this.session >>> 8, this.session & 255];
    this.raw(Buffer.concat([Buffer.from(header), frame]));
  }
  /** Waits for a reply that `wanted` accepts; null after `ms`. It and those before it are taken. */
  async next(wanted: (reply: Reply) => boolean, ms = 2000): Promise<Reply | null> {
    const end = performance.now() + ms;
    for (;;) {
      const at = this.replies.findIndex(wanted);
      if (at >= 0) return this.replies.splice(0, at + 1).at(-1)!;
      const left = end - performance.now();
      if (left <= 0) return null;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = null;
    }
  }
}

/** Accepts a PPP frame of a protocol, and of a code where that is asked for. */
export const PPP =
  (protocol: number, code?: number) =>
  (reply: Reply): boolean =>
    reply.what === 'data' && be16(reply.frame, 0) === protocol && (code === undefined || reply.frame[2] === code);
export const must = <T>(value: T | null, what: string): T => {
  if (value === null) throw new Error(`no ${what}`);
  return value;
};
