import { createRequire } from 'node:module';
import { SystemError } from '../errors.ts';

export const MSG_DONTWAIT = 0x40;
export const O_RDWR = 2;
export const O_NONBLOCK = 0x800;
export const O_CLOEXEC = 0x80000;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const SOCK_RAW = 3;
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0x800;
export const SOCK_CLOEXEC = 0x80000;

/**
 * System calls by way of libc. Pointers are numbers: `addressOf` a view, or the address of a memory and an offset.
 * A call returns what libc returns; `errno` says more.
 */
interface Calls {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: number, length: number): number;
  setsockopt(fd: number, level: number, name: number, value: number, length: number): number;
  getsockopt(fd: number, level: number, name: number, value: number, length: number): number;
  getsockname(fd: number, address: number, length: number): number;
  recvmmsg(fd: number, messages: number, count: number, flags: number, timeout: number): number;
  sendmmsg(fd: number, messages: number, count: number, flags: number): number;
  sendto(fd: number, buffer: number, length: number, flags: number, address: number, addressLength: number): number;
  recv(fd: number, buffer: number, length: number, flags: number): number;
  read(fd: number, buffer: number, length: number): number;
  write(fd: number, buffer: number, length: number): number;
  writev(fd: number, vectors: number, count: number): number;
  open(path: number, flags: number, mode: number): number;
  close(fd: number): number;
  ioctl(fd: number, request: number, argument: number): number;
  eventfd(initial: number, flags: number): number;
  epoll_create1(flags: number): number;
  epoll_ctl(epoll: number, operation: number, fd: number, event: number): number;
  epoll_wait(epoll: number, events: number, most: number, timeout: number): number;
  clock_gettime(clock: number, timespec: number): number;
  nanosleep(request: number, remaining: number): number;
  prctl(option: number, a: number, b: number, c: number, d: number): number;
  if_nametoindex(name: number): number;
  /** Of the calling thread alone. */
  setns(fd: number, kind: number): number;
  unshare(flags: number): number;
  /** For calls that libc has no name for. */
  syscall(number: number, a: number, b: number, c: number, d: number, e: number, f: number): number;
}
const SIGNATURES: Record<keyof Calls, readonly [returns: string, ...parameters: string[]]> = {
  socket: ['int', 'int', 'int', 'int'],
  bind: ['int', 'int', 'uint64_t', 'int'],
  setsockopt: ['int', 'int', 'int', 'int', 'uint64_t', 'int'],
  getsockopt: ['int', 'int', 'int', 'int', 'uint64_t', 'uint64_t'],
  getsockname: ['int', 'int', 'uint64_t', 'uint64_t'],
  recvmmsg: ['int', 'int', 'uint64_t', 'int', 'int', 'uint64_t'],
  sendmmsg: ['int', 'int', 'uint64_t', 'int', 'int'],
  sendto: ['int64_t', 'int', 'uint64_t', 'int64_t', 'int', 'uint64_t', 'int'],
  recv: ['int64_t', 'int', 'uint64_t', 'int64_t', 'int'],
  read: ['int64_t', 'int', 'uint64_t', 'int64_t'],
  write: ['int64_t', 'int', 'uint64_t', 'int64_t'],
  writev: ['int64_t', 'int', 'uint64_t', 'int'],
  open: ['int', 'uint64_t', 'int', 'int'],
  close: ['int', 'int'],
  ioctl: ['int', 'int', 'int64_t', 'uint64_t'],
  eventfd: ['int', 'int', 'int'],
  epoll_create1: ['int', 'int'],
  epoll_ctl: ['int', 'int', 'int', 'int', 'uint64_t'],
  epoll_wait: ['int', 'int', 'uint64_t', 'int', 'int'],
  clock_gettime: ['int', 'int', 'uint64_t'],
  nanosleep: ['int', 'uint64_t', 'uint64_t'],
  prctl: ['int', 'int', 'uint64_t', 'uint64_t', 'uint64_t', 'uint64_t'],
  if_nametoindex: ['int', 'uint64_t'],
  setns: ['int', 'int', 'int'],
  unshare: ['int', 'int'],
  syscall: ['int64_t', 'int64_t', 'uint64_t', 'uint64_t', 'uint64_t', 'uint64_t', 'uint64_t', 'uint64_t'],
};

/** What each errno that an operator can meet means for him. */
const ERRORS: Readonly<Record<number, readonly [name: string, text: string]>> = {
  1: ['EPERM', 'not permitted: root or CAP_NET_ADMIN is needed'],
  2: ['ENOENT', 'not found'],
  6: ['ENXIO', 'no such device'],
  11: ['EAGAIN', 'would block'],
  12: ['ENOMEM', 'out of memory'],
  13: ['EACCES', 'permission denied: ports below the unprivileged range, and devices, need root'],
  16: ['EBUSY', 'busy: another process uses it'],
  17: ['EEXIST', 'exists already'],
  19: ['ENODEV', 'no such device'],
  22: ['EINVAL', 'the kernel does not take these arguments'],
  24: ['EMFILE', 'too many open files: raise the limit (ulimit -n)'],
  90: ['EMSGSIZE', 'message too long'],
  98: ['EADDRINUSE', 'address in use: another process listens on this address and port'],
  99: ['EADDRNOTAVAIL', 'no interface of this machine has the address'],
  101: ['ENETUNREACH', 'network is unreachable'],
  105: ['ENOBUFS', 'no buffer space'],
};

export interface Ffi extends Calls {
  /** errno of this thread's last call. */
  errno(): number;
  /** Address of a view's first octet. The view must stay reachable while the kernel uses it. */
  addressOf(view: ArrayBufferView): number;
  /** The error of the last call. `what`: who failed at what, as "bind 192.0.2.1 port 1701". */
  error(what: string): SystemError;
  /** A nonblocking eventfd. @throws SystemError */
  openEventfd(): number;
  /** CPU time of the calling thread, in nanoseconds. */
  threadCpuNs(): number;
}

function makeFfi(calls: Calls, errno: () => number, addressOf: (view: ArrayBufferView) => number): Ffi {
  const error = (what: string): SystemError => systemError(what, errno());
  return {
    ...calls,
    errno,
    addressOf,
    error,
    openEventfd() {
      const fd = calls.eventfd(0, O_NONBLOCK | O_CLOEXEC);
      if (fd < 0) throw error('eventfd');
      return fd;
    },
    threadCpuNs() {
      const time = new BigInt64Array(2);
      calls.clock_gettime(3, addressOf(time));
      return Number(time[0]! * 1_000_000_000n + time[1]!);
    },
  };
}

export function systemError(what: string, errno: number): SystemError {
  const [name, text] = ERRORS[errno] ?? [`errno ${errno}`, 'the system call failed'];
  return new SystemError(`${what}: ${text} (${name})`, name);
}

let opened: Ffi | null | undefined;

/** The system calls of this thread; null where there are none: no Linux, or no koffi. */
export function openFfi(): Ffi | null {
  if (opened !== undefined) return opened;
  opened = null;
  if (process.platform !== 'linux' || process.env.LNS_NO_FFI === '1') return null;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as {
      load(name: string): { func(name: string, returns: string, parameters: string[]): unknown };
      errno(): number;
      address(view: unknown): bigint;
    };
    const libc = koffi.load('libc.so.6');
    const calls = Object.fromEntries(
      Object.entries(SIGNATURES).map(([name, [returns, ...parameters]]) => [
        name,
        libc.func(name, returns, parameters),
      ]),
    ) as unknown as Calls;
    opened = makeFfi(
      calls,
      () => koffi.errno(),
      (view) => Number(koffi.address(view)),
    );
  } catch {
    opened = null;
  }
  return opened;
}

/** A NUL-terminated string for a call. */
export const cString = (text: string): Uint8Array => new Uint8Array(Buffer.from(`${text}\0`, 'utf8'));
