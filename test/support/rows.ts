// Tunnels and sessions entered by hand, where there is no control plane.
import type { Tables } from '../../src/dataplane/tables.ts';
import { encodeSockaddr, type PeerAddress, parseIpv4 } from '../../src/wire/address.ts';
import { mapped } from './path.ts';

/** A tunnel of an LNS. @returns its row */
export function enterTunnel(
  tables: Tables,
  localId: number,
  peerId: number,
  peer: PeerAddress,
  ownerShard: number,
): number {
  return tables.addTunnel({
    localId,
    peerId,
    role: 'lns',
    peer: encodeSockaddr(peer),
    socketGroup: 0,
    routingInstance: 0,
    ownerShard,
  });
}
/** A session that is up. @returns its row @throws Error where a table is full */
export function enterSession(
  tables: Tables,
  tunnelRow: number,
  localId: number,
  peerId: number,
  address: string,
  peerMru: number,
): number {
  const row = tables.addSession({ tunnelRow, localId, peerId, sequencing: false });
  const word = parseIpv4(address)!;
  const up = tables.sessionUp(
    row,
    {
      address: mapped(word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255),
      localAddress: new Uint8Array([100, 64, 255, 1]),
      peerMru,
      acfc: false,
      pfc: false,
    },
    0,
  );
  if (row === 0 || !up) throw new Error('session did not come up');
  return row;
}
