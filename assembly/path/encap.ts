// Last stop on the way down: the L2TP and PPP headers, from the session's template, in front of the packet.
import { setBe16 } from "./octets";
import { transmit, transmitFrame } from "./transmit";
import { tapPacket } from "./tap";
import { SESSION_FLAGS, SESSION_SEND_NS, SESSION_TAPPED, SESSION_PLAIN, SESSION_NUMBERED, SESSION_PLAIN_SIZE, SESSION_NUMBERED_SIZE, SESSION_TX_NS, SESSION_FRAME } from "../layout/session";
import { L2TP_P, L2TP_S } from "../layout/l2tp";

/** Octets of an L2TP header with Length, without and with Ns and Nr. */
export const PLAIN_HEADER: u32 = 8;
export const NUMBERED_HEADER: u32 = 12;

/** Sends the IP packet at `ptr` to a session; 16 octets before it are overwritten. */
export function encapPacket(session: u32, ptr: u32, len: u32): void {
  const flags = load<u32>(session + SESSION_FLAGS);
  // One branch for all that is out of the ordinary.
  if (flags & (SESSION_SEND_NS | SESSION_TAPPED)) return encapOther(session, ptr, len, flags);
  const size = <u32>load<u8>(session + SESSION_PLAIN_SIZE);
  v128.store(ptr - 16, v128.load(session + SESSION_PLAIN));
  setBe16(ptr - size + 2, len + size);
  transmit(ptr - size, len + size, session);
}
function encapOther(session: u32, ptr: u32, len: u32, flags: u32): void {
  if (flags & SESSION_TAPPED) tapPacket(session, ptr, len, 0);
  if (flags & SESSION_SEND_NS) {
    const size = <u32>load<u8>(session + SESSION_NUMBERED_SIZE);
    v128.store(ptr - 16, v128.load(session + SESSION_NUMBERED));
    setBe16(ptr - size + 2, len + size);
    setBe16(ptr - size + 8, atomic.add<u32>(session + SESSION_TX_NS, 1));
    return transmit(ptr - size, len + size, session);
  }
  const size = <u32>load<u8>(session + SESSION_PLAIN_SIZE);
  v128.store(ptr - 16, v128.load(session + SESSION_PLAIN));
  setBe16(ptr - size + 2, len + size);
  transmit(ptr - size, len + size, session);
}
/**
 * Sends a PPP frame, whose octets at `ptr` are all of it, to a session; up to 12 octets before it are overwritten.
 * The emulator impairs frames before they come here, if at all.
 * @param priority set the P bit (RFC 2661 section 3.1: for keepalives and the like)
 */
export function encapFrame(session: u32, ptr: u32, len: u32, priority: bool): void {
  const numbered = (load<u32>(session + SESSION_FLAGS) & SESSION_SEND_NS) != 0;
  const size = numbered ? NUMBERED_HEADER : PLAIN_HEADER;
  const header = ptr - size;
  store<u64>(header, load<u64>(session + SESSION_FRAME));
  if (numbered) {
    store<u8>(header, load<u8>(header) | <u8>(L2TP_S >> 8));
    setBe16(header + 8, atomic.add<u32>(session + SESSION_TX_NS, 1));
    setBe16(header + 10, 0);
  }
  if (priority) store<u8>(header, load<u8>(header) | <u8>(L2TP_P >> 8));
  setBe16(header + 2, len + size);
  transmitFrame(header, len + size, session);
}
