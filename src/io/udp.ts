import dgram from 'node:dgram';
import { decodeSockaddr, encodeSockaddr, type PeerAddress, parseIpv4 } from '../wire/address.ts';
import { type Ffi, MSG_DONTWAIT, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK } from './ffi.ts';
import { LANE, LANES, steeringProgram } from './steering.ts';

const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_REUSEPORT = 15;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SO_ATTACH_REUSEPORT_CBPF = 51;
const IPPROTO_IP = 0;
const IP_MTU_DISCOVER = 10;
const IPPROTO_IPV6 = 41;
const IPV6_MTU_DISCOVER = 23;
const IPV6_V6ONLY = 26;
const PMTUDISC_DONT = 0;
const IPPROTO_UDP = 17;
const UDP_SEGMENT = 103;
const UDP_GRO = 104;

/** Socket buffer asked for; what the kernel grants is reported. */
export const RECEIVE_BUFFER_OCTETS = 16 << 20;

/** The sockets of one local gateway: one for control messages, and one a shard and lane. */
export interface SocketGroup {
  /** Number 0 takes control messages and runts; shard s has number `1 + lane * shards + s` in each lane (`LANE`). */
  readonly fds: readonly number[];
  readonly port: number;
  /** Octets that the kernel granted each socket. */
  readonly receiveBufferOctets: number;
  close(): void;
}

function setOption(ffi: Ffi, fd: number, level: number, name: number, value: number): number {
  const octets = new Int32Array([value]);
  return ffi.setsockopt(fd, level, name, ffi.addressOf(octets), 4);
}
function getOption(ffi: Ffi, fd: number, level: number, name: number): number {
  const value = new Int32Array(1);
  const length = new Int32Array([4]);
  ffi.getsockopt(fd, level, name, ffi.addressOf(value), ffi.addressOf(length));
  return value[0]!;
}

/** A bound, nonblocking UDP socket with large buffers. Outer datagrams may be fragmented: a client's packet fits its own MRU, not the path to the LAC. */
function openSocket(ffi: Ffi, address: PeerAddress, reusePort: boolean): number {
  const sockaddr = encodeSockaddr(address);
  const v6 = sockaddr[0] === 10;
  const fd = ffi.socket(v6 ? 10 : 2, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw ffi.error('UDP socket');
  if (reusePort) setOption(ffi, fd, SOL_SOCKET, SO_REUSEPORT, 1);
  if (v6) setOption(ffi, fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (v6) setOption(ffi, fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_DONT);
  else setOption(ffi, fd, IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_DONT);
  for (const [force, plain] of [
    [SO_RCVBUFFORCE, SO_RCVBUF],
    [SO_SNDBUFFORCE, SO_SNDBUF],
  ] as const)
    if (setOption(ffi, fd, SOL_SOCKET, force, RECEIVE_BUFFER_OCTETS) < 0)
      setOption(ffi, fd, SOL_SOCKET, plain, RECEIVE_BUFFER_OCTETS);
  if (ffi.bind(fd, ffi.addressOf(sockaddr), sockaddr.length) < 0) {
    const error = ffi.error(`bind ${address.address} port ${address.port}`);
    ffi.close(fd);
    throw error;
  }
  return fd;
}
function portOf(ffi: Ffi, fd: number): number {
  const sockaddr = new Uint8Array(28);
  const length = new Int32Array([28]);
  ffi.getsockname(fd, ffi.addressOf(sockaddr), ffi.addressOf(length));
  return decodeSockaddr(sockaddr).port;
}

/**
 * Opens the sockets of a local gateway: a SO_REUSEPORT group steered in the kernel by the L2TP header. The index in
 * the group is the order of bind, so that socket 0 is the one for control messages; none may be closed while others
 * are in use, since the kernel would move the last one into its place.
 * @param gro the sockets of LANE.data take runs of datagrams that the kernel merged (UDP_GRO); no others do
 * @throws SystemError where the address cannot be bound
 */
export function openSocketGroup(ffi: Ffi, address: PeerAddress, shards: number, gro = false): SocketGroup {
  const fds: number[] = [];
  const close = (): void => {
    for (const fd of fds.splice(0)) ffi.close(fd);
  };
  try {
    // The first bind takes the port for itself and finds out whether another process has it: only then it is shared.
    const probe = openSocket(ffi, address, false);
    const port = portOf(ffi, probe);
    ffi.close(probe);
    for (let i = 0; i <= LANES * shards; i++) fds.push(openSocket(ffi, { address: address.address, port }, true));
    attachSteering(ffi, fds[0]!, shards);
    if (gro) for (let shard = 0; shard < shards; shard++) enableGro(ffi, fds[1 + LANE.data * shards + shard]!);
    return { fds: [...fds], port, receiveBufferOctets: getOption(ffi, fds[0]!, SOL_SOCKET, SO_RCVBUF) / 2, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** Has the kernel choose the socket by the L2TP header (`steeringProgram`). @throws SystemError */
function attachSteering(ffi: Ffi, fd: number, shards: number): void {
  const program = steeringProgram(shards);
  const code = new Uint8Array(program.length * 8);
  const view = new DataView(code.buffer);
  program.forEach(([op, jt, jf, k], i) => {
    view.setUint16(i * 8, op, true);
    view.setUint8(i * 8 + 2, jt);
    view.setUint8(i * 8 + 3, jf);
    view.setUint32(i * 8 + 4, k, true);
  });
  const sockFprog = new BigUint64Array(2);
  sockFprog[0] = BigInt(program.length);
  sockFprog[1] = BigInt(ffi.addressOf(code));
  if (ffi.setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, ffi.addressOf(sockFprog), 16) < 0)
    throw ffi.error('SO_ATTACH_REUSEPORT_CBPF');
}

/** From now on the socket receives runs of datagrams of one size in one buffer, their size in a control message. @throws SystemError */
function enableGro(ffi: Ffi, fd: number): void {
  if (setOption(ffi, fd, IPPROTO_UDP, UDP_GRO, 1) < 0) throw ffi.error('UDP_GRO');
}

/** Whether the kernel's UDP sockets segment on sending and merge on receiving: null where they do, else the error's name. */
export function probeUdpOffload(ffi: Ffi): { gso: string | null; gro: string | null } {
  const fd = ffi.socket(2, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw ffi.error('UDP socket');
  const attempt = (name: number, value: number): string | null =>
    setOption(ffi, fd, IPPROTO_UDP, name, value) < 0 ? ffi.error('setsockopt').errorName : null;
  const result = { gso: attempt(UDP_SEGMENT, 1200), gro: attempt(UDP_GRO, 1) };
  ffi.close(fd);
  return result;
}

/** Opens one unsteered socket, as a LAC has for a tunnel. */
export function openUdpSocket(ffi: Ffi, address: PeerAddress, gro = false): { fd: number; port: number } {
  const fd = openSocket(ffi, address, false);
  if (gro) enableGro(ffi, fd);
  return { fd, port: portOf(ffi, fd) };
}

/** Sends single datagrams on any descriptor, at once. */
export class DatagramSender {
  readonly #ffi: Ffi;
  readonly #buffer = new Uint8Array(65536);
  readonly #bufferAddress: number;
  readonly #sockaddr = new Uint8Array(28);
  readonly #sockaddrAddress: number;
  readonly #encoded = new Map<string, Uint8Array>();

  constructor(ffi: Ffi) {
    this.#ffi = ffi;
    this.#bufferAddress = ffi.addressOf(this.#buffer);
    this.#sockaddrAddress = ffi.addressOf(this.#sockaddr);
  }
  /** @returns false where the kernel did not take it: control messages are sent again, so nothing is lost */
  send(fd: number, octets: Uint8Array, to: PeerAddress): boolean {
    const key = `${to.address} ${to.port}`;
    let sockaddr = this.#encoded.get(key);
    if (sockaddr === undefined) {
      if (this.#encoded.size > 65536) this.#encoded.clear();
      sockaddr = encodeSockaddr(to);
      this.#encoded.set(key, sockaddr);
    }
    this.#buffer.set(octets);
    this.#sockaddr.set(sockaddr);
    return (
      this.#ffi.sendto(fd, this.#bufferAddress, octets.length, MSG_DONTWAIT, this.#sockaddrAddress, sockaddr.length) ===
      octets.length
    );
  }
}

/** Lets node:dgram read a descriptor that was opened here; from then on it is node's to close. */
export async function adoptSocket(fd: number, address: string): Promise<dgram.Socket> {
  const socket = dgram.createSocket(parseIpv4(address) === null ? 'udp6' : 'udp4');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ fd } as dgram.BindOptions, () => {
      socket.off('error', reject);
      resolve();
    });
  });
  return socket;
}

/** The portable access side: one node:dgram socket for control and data. */
export async function openDgram(address: PeerAddress): Promise<dgram.Socket> {
  const socket = dgram.createSocket({
    type: parseIpv4(address.address) === null ? 'udp6' : 'udp4',
    recvBufferSize: 4 << 20,
    sendBufferSize: 4 << 20,
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(address.port, address.address, () => {
      socket.off('error', reject);
      resolve();
    });
  });
  return socket;
}
