import type { Ffi } from './ffi.ts';

/** bpf(2): maps, programs, links. Programs are assembled here: neither a compiler nor a library is needed. */

const BPF_CALL: Readonly<Record<string, number>> = { x64: 321, arm64: 280 };
const MAP_CREATE = 0;
const MAP_UPDATE = 2;
const MAP_DELETE = 3;
const PROG_LOAD = 5;
const LINK_CREATE = 28;
const ATTRIBUTES = 128;
const EAGAIN = 11;
const LOADS_MAX = 5;

export const MAP_HASH = 1;
export const MAP_ARRAY = 2;
export const MAP_LPM_TRIE = 11;
export const MAP_XSK = 17;
/** Flag of a map: entries are made when they come. */
export const MAP_NO_PREALLOCATION = 1;
export const PROGRAM_SOCKET_FILTER = 1;
export const PROGRAM_XDP = 6;
export const ATTACH_XDP = 37;

/** One step: an instruction, or a label that jumps name. */
export type Step = readonly [op: string, ...operands: (number | string)[]];

const SIZES = { w: 0x00, h: 0x08, b: 0x10, dw: 0x18 } as const;
const JUMPS: Readonly<Record<string, number>> = {
  jeq: 0x10,
  jgt: 0x20,
  jge: 0x30,
  jset: 0x40,
  jne: 0x50,
  jlt: 0xa0,
};
const ALU: Readonly<Record<string, number>> = { add: 0x00, and: 0x50, rsh: 0x70, mov: 0xb0 };

/**
 * Assembles a program. Registers are numbers; `label NAME` marks a place.
 *
 *     ['ldxw', dst, src, offset]   ['stxw', dst, offset, src]   ['mov', dst, immediate]   ['movx', dst, src]
 *     ['jeq', dst, immediate, label]   ['jgtx', dst, src, label]   ['be16', dst]   ['be32', dst]   ['map', dst, fd]
 *     ['call', helper]   ['exit']   ['label', NAME]   ['ja', label]
 *
 * @throws RangeError for an instruction or a label that is not known
 */
export function assemble(steps: readonly Step[]): Uint8Array {
  const places = new Map<string, number>();
  let length = 0;
  for (const [op, ...operands] of steps)
    if (op === 'label') places.set(String(operands[0]), length);
    else length += op === 'map' ? 2 : 1;
  const code = new Uint8Array(length * 8);
  const view = new DataView(code.buffer);
  let at = 0;
  const put = (opcode: number, dst: number, src: number, offset: number, immediate: number): void => {
    view.setUint8(at * 8, opcode);
    view.setUint8(at * 8 + 1, dst | (src << 4));
    view.setInt16(at * 8 + 2, offset, true);
    view.setInt32(at * 8 + 4, immediate | 0, true);
    at++;
  };
  const target = (label: number | string): number => {
    const place = places.get(String(label));
    if (place === undefined) throw new RangeError(`no label ${label}`);
    return place - at - 1;
  };
  for (const [op, ...operands] of steps) {
    const [a, b, c] = operands as number[];
    const size = SIZES[op.slice(3) as keyof typeof SIZES];
    const x = op.endsWith('x') ? 0x08 : 0;
    const plain = x === 0 ? op : op.slice(0, -1);
    if (op === 'label') continue;
    if (op.startsWith('ldx') && size !== undefined) put(0x61 | size, a!, b!, c!, 0);
    else if (op.startsWith('stx') && size !== undefined) put(0x63 | size, a!, c!, b!, 0);
    else if (JUMPS[plain] !== undefined)
      put(0x05 | JUMPS[plain] | x, a!, x === 0 ? 0 : b!, target(operands[2]!), x === 0 ? b! : 0);
    else if (ALU[plain] !== undefined) put(0x07 | ALU[plain] | x, a!, x === 0 ? 0 : b!, 0, x === 0 ? b! : 0);
    else if (op === 'be16' || op === 'be32') put(0xdc, a!, 0, 0, op === 'be16' ? 16 : 32);
    else if (op === 'ja') put(0x05, 0, 0, target(operands[0]!), 0);
    else if (op === 'call') put(0x85, 0, 0, 0, a!);
    else if (op === 'exit') put(0x95, 0, 0, 0, 0);
    else if (op === 'map') {
      put(0x18, a!, 1, 0, b!);
      put(0, 0, 0, 0, 0);
    } else throw new RangeError(`no instruction ${op}`);
  }
  return code;
}

/** The system call, with its attributes in a buffer of its own. */
export class Bpf {
  readonly #ffi: Ffi;
  readonly #attributes = new Uint8Array(ATTRIBUTES);
  readonly #view = new DataView(this.#attributes.buffer);
  readonly #number: number;

  constructor(ffi: Ffi) {
    this.#ffi = ffi;
    this.#number = BPF_CALL[process.arch] ?? -1;
  }
  #call(command: number, fill: (view: DataView) => void): number {
    this.#attributes.fill(0);
    fill(this.#view);
    return this.#ffi.syscall(this.#number, command, Number(this.#ffi.addressOf(this.#attributes)), ATTRIBUTES, 0, 0, 0);
  }
  #address(octets: ArrayBufferView): bigint {
    return BigInt(this.#ffi.addressOf(octets));
  }

  /** @returns its descriptor @throws SystemError */
  createMap(type: number, keyOctets: number, valueOctets: number, entries: number, flags = 0): number {
    const fd = this.#call(MAP_CREATE, (view) => {
      for (const [n, value] of [type, keyOctets, valueOctets, entries, flags].entries())
        view.setUint32(n * 4, value, true);
    });
    if (fd < 0) throw this.#ffi.error('BPF map');
    return fd;
  }
  /** @throws SystemError */
  update(map: number, key: Uint8Array, value: Uint8Array): void {
    const done = this.#call(MAP_UPDATE, (view) => {
      view.setUint32(0, map, true);
      view.setBigUint64(8, this.#address(key), true);
      view.setBigUint64(16, this.#address(value), true);
    });
    if (done < 0) throw this.#ffi.error('BPF map entry');
  }
  /** An entry that is not there is no error. */
  remove(map: number, key: Uint8Array): void {
    this.#call(MAP_DELETE, (view) => {
      view.setUint32(0, map, true);
      view.setBigUint64(8, this.#address(key), true);
    });
  }
  /** @returns its descriptor @throws SystemError, the verifier's last words in it */
  load(type: number, attach: number, steps: readonly Step[]): number {
    const code = assemble(steps);
    const license = new Uint8Array(Buffer.from('Apache-2.0\0'));
    const load = (log: Uint8Array | null): number =>
      this.#call(PROG_LOAD, (view) => {
        view.setUint32(0, type, true);
        view.setUint32(4, code.length / 8, true);
        view.setBigUint64(8, this.#address(code), true);
        view.setBigUint64(16, this.#address(license), true);
        if (log !== null) {
          view.setUint32(24, 1, true);
          view.setUint32(28, log.length, true);
          view.setBigUint64(32, this.#address(log), true);
        }
        view.setUint32(68, attach, true);
      });
    let fd = load(null);
    // The verifier gives up where a signal is pending, a child's end for one.
    for (let tries = 1; fd < 0 && this.#ffi.errno() === EAGAIN && tries < LOADS_MAX; tries++) fd = load(null);
    if (fd >= 0) return fd;
    const error = this.#ffi.error('BPF program');
    const log = new Uint8Array(1 << 16);
    load(log);
    const words = Buffer.from(log).toString('latin1').split('\0')[0]!.trim().split('\n').slice(-3).join('; ');
    if (words !== '') error.message += `: ${words}`;
    throw error;
  }
  /** Attaches a program to an interface for as long as the link is open. @returns its descriptor, or -1; see errno */
  link(program: number, interfaceIndex: number, attach: number, flags: number): number {
    return this.#call(LINK_CREATE, (view) => {
      for (const [n, value] of [program, interfaceIndex, attach, flags].entries()) view.setUint32(n * 4, value, true);
    });
  }
}
