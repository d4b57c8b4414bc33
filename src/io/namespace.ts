import { SystemError } from '../errors.ts';
import { cString, type Ffi, O_CLOEXEC } from './ffi.ts';
import { Netlink } from './netlink.ts';

const CLONE_NEWNET = 0x40000000;
const O_RDONLY = 0;
/** As `ip netns add` has them. */
const FOLDER = '/run/netns';
const OWN = '/proc/thread-self/ns/net';
const LOOPBACK = 1;
const LOOPBACK_MTU = 65_536;
const LOOPBACK_QUEUE = 1000;

/** A network namespace that the calling thread can step into for a while (network_namespaces(7)). */
export class NetworkNamespace {
  /** For people: its name or path; empty for one without a name. */
  readonly name: string;
  readonly #ffi: Ffi;
  readonly #fd: number;
  readonly #own: number;

  private constructor(ffi: Ffi, name: string, fd: number, own: number) {
    this.#ffi = ffi;
    this.name = name;
    this.#fd = fd;
    this.#own = own;
  }

  /**
   * One that is there. @param name as `ip netns` knows it, or a path ("/proc/PID/ns/net")
   * @throws SystemError where there is none, or no right to it
   */
  static named(ffi: Ffi, name: string): NetworkNamespace {
    const path = name.includes('/') ? name : `${FOLDER}/${name}`;
    const own = open(ffi, OWN);
    const fd = ffi.open(ffi.addressOf(cString(path)), O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) {
      const error = ffi.error(`network namespace '${name}'`);
      ffi.close(own);
      if (error.errorName !== 'ENOENT') throw error;
      throw new SystemError(`there is no network namespace '${name}': ip netns add ${name}`, 'ENOENT');
    }
    const space = new NetworkNamespace(ffi, name, fd, own);
    try {
      space.run(() => undefined);
    } catch (error) {
      space.close();
      throw error;
    }
    return space;
  }
  /** A new one without a name, its loopback up; it lives as long as somebody holds it open or runs in it. @throws SystemError */
  static create(ffi: Ffi): NetworkNamespace {
    const own = open(ffi, OWN);
    if (ffi.unshare(CLONE_NEWNET) < 0) {
      const error = ffi.error('network namespace');
      ffi.close(own);
      throw error;
    }
    try {
      const netlink = new Netlink(ffi);
      netlink.setLinkUp(LOOPBACK, LOOPBACK_MTU, LOOPBACK_QUEUE);
      netlink.close();
      return new NetworkNamespace(ffi, '', open(ffi, OWN), own);
    } finally {
      ffi.setns(own, CLONE_NEWNET);
    }
  }
  /** Does `work` inside, all of it before it returns: what it opens or starts belongs there. @throws what `work` throws; SystemError */
  run<T>(work: () => T): T {
    if (this.#ffi.setns(this.#fd, CLONE_NEWNET) < 0) throw this.#ffi.error(`network namespace '${this.name}'`);
    try {
      return work();
    } finally {
      // Whoever was let out is let in again.
      this.#ffi.setns(this.#own, CLONE_NEWNET);
    }
  }
  close(): void {
    this.#ffi.close(this.#fd);
    this.#ffi.close(this.#own);
  }
}

function open(ffi: Ffi, path: string): number {
  const fd = ffi.open(ffi.addressOf(cString(path)), O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) throw ffi.error(path);
  return fd;
}
