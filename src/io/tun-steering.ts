import type { SystemError } from '../errors.ts';
import { octets32 } from '../wire/ppp.ts';
import { Bpf, MAP_HASH, MAP_NO_PREALLOCATION, PROGRAM_SOCKET_FILTER, type Step } from './bpf.ts';
import type { Ffi } from './ffi.ts';
import type { Rungs } from './rungs.ts';

const TUNSETSTEERINGEBPF = 0x800454e0;
const HELPER_LOOKUP = 1;
const HELPER_LOAD_BYTES = 26;
/** By which address of an IPv4 header, and where it stands there: a server's packets go to its clients, a client's come from them. */
const ADDRESS_AT = { source: 12, destination: 16 } as const;
export type SteeringEnd = keyof typeof ADDRESS_AT;

/** The queue of a packet: that of the address's shard; of one that no client has by itself, any, but always the same. */
export function steeringSteps(queues: number, end: SteeringEnd): readonly Step[] {
  return [
    ['movx', 6, 1],
    ['mov', 2, ADDRESS_AT[end]],
    ['movx', 3, 10],
    ['add', 3, -4],
    ['mov', 4, 4],
    ['call', HELPER_LOAD_BYTES],
    ['jne', 0, 0, 'none'],
    ['map', 1, queues],
    ['movx', 2, 10],
    ['add', 2, -4],
    ['call', HELPER_LOOKUP],
    ['jeq', 0, 0, 'unknown'],
    ['ldxw', 0, 0, 0],
    ['exit'],
    ['label', 'unknown'],
    ['ldxw', 0, 10, -4],
    ['be32', 0],
    ['exit'],
    ['label', 'none'],
    ['mov', 0, 0],
    ['exit'],
  ];
}

/**
 * Has the kernel put a client's packet into the TUN queue of the shard that owns the client's session or bundle: it counts it
 * plainly, and sends a bundle's without handing it over. Without it the kernel moves a flow to the queue that its answers are
 * written to, while packets still wait in the other: the first ones of a flow may overtake each other.
 */
export class TunSteering {
  readonly #ffi: Ffi;
  readonly #bpf: Bpf;
  readonly #map: number;
  readonly #program: number;

  /**
   * For a device with these queues, where there is more than one.
   * @param rungs loses the rung where the kernel does not have it  @param entries addresses at most
   */
  static tried(ffi: Ffi, fds: readonly number[], entries: number, end: SteeringEnd, rungs: Rungs): TunSteering | null {
    if (fds.length === 1) rungs.without(['steering']);
    else if (rungs.has('steering'))
      try {
        return new TunSteering(ffi, fds[0]!, entries, end);
      } catch (error) {
        rungs.lose('steering', (error as SystemError).errorName);
      }
    return null;
  }
  /** @param fd a queue of the device  @param entries addresses at most  @throws SystemError */
  constructor(ffi: Ffi, fd: number, entries: number, end: SteeringEnd) {
    this.#ffi = ffi;
    this.#bpf = new Bpf(ffi);
    this.#map = this.#bpf.createMap(MAP_HASH, 4, 4, entries, MAP_NO_PREALLOCATION);
    try {
      this.#program = this.#bpf.load(PROGRAM_SOCKET_FILTER, 0, steeringSteps(this.#map, end));
    } catch (error) {
      ffi.close(this.#map);
      throw error;
    }
    const program = new Int32Array([this.#program]);
    if (ffi.ioctl(fd, TUNSETSTEERINGEBPF, Number(ffi.addressOf(program))) < 0) {
      const error = ffi.error('TUNSETSTEERINGEBPF');
      this.close();
      throw error;
    }
  }
  /** @param address a 32-bit number @returns false where there is no room: any queue serves */
  set(address: number, queue: number): boolean {
    try {
      this.#bpf.update(this.#map, octets32(address), new Uint8Array(new Uint32Array([queue]).buffer));
      return true;
    } catch {
      return false;
    }
  }
  delete(address: number): void {
    this.#bpf.remove(this.#map, octets32(address));
  }
  close(): void {
    this.#ffi.close(this.#program);
    this.#ffi.close(this.#map);
  }
}
