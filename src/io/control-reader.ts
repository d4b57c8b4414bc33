import { decodeSockaddr, type PeerAddress } from '../wire/address.ts';
import { type Ffi, MSG_DONTWAIT } from './ffi.ts';

const MESSAGES = 64;
/** The largest UDP datagram; of these octets only those that are used are ever backed by memory. */
const SLOT_OCTETS = 65_536;
const MMSGHDR_OCTETS = 64;
const IOVEC_OCTETS = 16;
const SOCKADDR_OCTETS = 32;
/** Senders whose addresses are known as text. */
const SENDERS_MAX = 65_536;

/**
 * Reads what waits in a UDP socket, 64 datagrams a system call: node:dgram hands over one at a time, at several times
 * the cost, and few in a turn of its loop.
 */
export class ControlReader {
  readonly #ffi: Ffi;
  readonly #slots = new Uint8Array(MESSAGES * SLOT_OCTETS);
  readonly #names = new Uint8Array(MESSAGES * SOCKADDR_OCTETS);
  readonly #headers = new BigUint64Array((MESSAGES * MMSGHDR_OCTETS) / 8);
  readonly #lengths: DataView;
  readonly #vectors = new BigUint64Array((MESSAGES * IOVEC_OCTETS) / 8);
  readonly #address: number;
  readonly #senders = new Map<string, PeerAddress>();

  constructor(ffi: Ffi) {
    this.#ffi = ffi;
    this.#lengths = new DataView(this.#headers.buffer);
    this.#address = Number(ffi.addressOf(this.#headers));
    const [slots, names, vectors] = [this.#slots, this.#names, this.#vectors].map((one) => Number(ffi.addressOf(one)));
    for (let i = 0; i < MESSAGES; i++) {
      this.#vectors[i * 2] = BigInt(slots! + i * SLOT_OCTETS);
      this.#vectors[i * 2 + 1] = BigInt(SLOT_OCTETS);
      this.#headers[i * 8] = BigInt(names! + i * SOCKADDR_OCTETS);
      this.#headers[i * 8 + 2] = BigInt(vectors! + i * IOVEC_OCTETS);
      this.#headers[i * 8 + 3] = 1n;
    }
  }

  /**
   * Hands over what waits, `most` datagrams at most. `octets` is a copy, the receiver's to keep.
   * @returns their number; fewer than `most`: the socket is empty
   */
  read(fd: number, most: number, take: (octets: Uint8Array, source: PeerAddress) => void): number {
    let taken = 0;
    while (taken < most) {
      for (let i = 0; i < MESSAGES; i++) this.#headers[i * 8 + 1] = BigInt(SOCKADDR_OCTETS);
      const n = this.#ffi.recvmmsg(fd, this.#address, Math.min(MESSAGES, most - taken), MSG_DONTWAIT, 0);
      for (let i = 0; i < n; i++) {
        const length = this.#lengths.getUint32(i * MMSGHDR_OCTETS + 56, true);
        const source = this.#source(i * SOCKADDR_OCTETS);
        take(this.#slots.slice(i * SLOT_OCTETS, i * SLOT_OCTETS + length), source);
      }
      if (n <= 0) break;
      taken += n;
      if (n < MESSAGES) break;
    }
    return taken;
  }
  #source(at: number): PeerAddress {
    const octets = this.#names.subarray(at, at + 28);
    // Family, port, address and, with IPv6, flow and scope.
    const key = String.fromCharCode(...(octets[0] === 10 ? octets : octets.subarray(0, 8)));
    let source = this.#senders.get(key);
    if (source === undefined) {
      if (this.#senders.size >= SENDERS_MAX) this.#senders.clear();
      source = decodeSockaddr(octets);
      this.#senders.set(key, source);
    }
    return source;
  }
}
