import { ConfigError, type SystemError } from '../errors.ts';
import type { Ffi } from '../io/ffi.ts';
import { type Xdp, type XdpInterface, xdpInterface } from '../io/xdp.ts';
import type { Log } from './log.ts';
import type { XdpSetup } from './plane.ts';

/**
 * The interface that AF_XDP was asked for on; null where none was, or where it cannot be had, which is logged.
 * @param ffi null: the portable access side
 * @throws ConfigError where there is no such interface
 */
export function xdpDevice(name: string | null, ffi: Ffi | null, log: Log): XdpInterface | null {
  if (name === null) return null;
  const unavailable = (reason: string): null => {
    log('warning', 'xdp-unavailable', { interface: name, reason });
    return null;
  };
  if (ffi === null) return unavailable('portable');
  try {
    return xdpInterface(ffi, name);
  } catch (error) {
    if ((error as SystemError).errorName === 'ENODEV') throw new ConfigError((error as Error).message);
    return unavailable((error as Error).message);
  }
}

/**
 * What the plane needs to open AF_XDP on an interface.
 * @param open throws where it cannot be had, which is logged  @param close lets go of what it has opened by then
 */
export const xdpSetup = (
  { name, queues, chunk }: XdpInterface,
  core: boolean,
  log: Log,
  open: (...args: Parameters<XdpSetup['open']>) => Xdp,
  close: () => void,
): XdpSetup => ({
  queues,
  chunk,
  core,
  open: (...args) => {
    try {
      return open(...args).fds;
    } catch (error) {
      close();
      log('warning', 'xdp-unavailable', { interface: name, reason: (error as Error).message });
      return [];
    }
  },
});

/** `eth0/4/copy`: interface, queues, and whether the kernel copies frames. */
export const xdpInUse = ({ interface: device, fds, copies }: Xdp): string =>
  `${device.name}/${fds.length}/${copies ? 'copy' : 'zerocopy'}`;
