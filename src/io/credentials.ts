import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { Ffi } from './ffi.ts';

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SO_PEERGROUPS = 59;
const GROUPS_MAX = 1024;

/** Who is at the other end of a Unix socket, as the kernel says. */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
}

/** @returns null where the kernel cannot be asked */
export function peerCredentials(ffi: Ffi, socket: Socket): PeerCredentials | null {
  const { fd } = (socket as unknown as { _handle?: { fd?: number } })._handle ?? {};
  if (fd === undefined || fd < 0) return null;
  const length = new Uint32Array([12]);
  const ucred = new Uint32Array(3);
  if (ffi.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ffi.addressOf(ucred), ffi.addressOf(length)) !== 0) return null;
  const groups = new Uint32Array(GROUPS_MAX);
  length[0] = groups.byteLength;
  const got = ffi.getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, ffi.addressOf(groups), ffi.addressOf(length)) === 0;
  return {
    pid: ucred[0]!,
    uid: ucred[1]!,
    gid: ucred[2]!,
    groups: got ? [...groups.subarray(0, length[0]! >>> 2)] : [],
  };
}

/** Entries of /etc/passwd or /etc/group: name and number. */
function* entries(file: string): Generator<readonly [name: string, id: number]> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return;
  }
  for (const line of text.split('\n')) {
    const [name, , id] = line.split(':');
    if (name !== undefined && id !== undefined && /^\d+$/.test(id)) yield [name, Number(id)];
  }
}
/** Name of a user; `uid 2001` where the machine has none for it. */
export function userName(uid: number): string {
  for (const [name, id] of entries('/etc/passwd')) if (id === uid) return name;
  return `uid ${uid}`;
}
/** A group by name or number; null where there is none. */
export function groupId(group: string): number | null {
  if (/^\d+$/.test(group)) return Number(group);
  for (const [name, id] of entries('/etc/group')) if (name === group) return id;
  return null;
}
