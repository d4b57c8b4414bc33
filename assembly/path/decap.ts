// First stop on the way up: the L2TP header (RFC 2661 section 3.1).
import { be16 } from "./octets";
import { L2TP_L, L2TP_S, L2TP_O, L2TP_VER, L2TP_HEADER_MIN } from "../layout/l2tp";
import { DROP_RUNT, DROP_VERSION, DROP_LENGTH } from "../layout/drop";

/** End of the message that `decap` parsed: the Length field's, or that of the datagram. */
export let messageEnd: u32 = 0;
/** Tunnel ID << 16 | Session ID of the header that `decap` parsed. */
export let headerKey: u32 = 0;
/** Ns of the header that `decap` parsed, where S is set. */
export let headerNs: u32 = 0;

/**
 * Parses the header of a data message at `ptr`.
 * @param ptr first octet of the UDP payload
 * @param len octets received; nothing past `ptr + len` is read
 * @returns octets from `ptr` to the PPP frame, or a negated DROP_* reason
 */
export function decap(ptr: u32, len: u32): i32 {
  if (len < L2TP_HEADER_MIN) return -DROP_RUNT;
  const flags = be16(ptr);
  if ((flags & L2TP_VER) != 2) return -DROP_VERSION;
  let size = L2TP_HEADER_MIN;
  let end = len;
  let ids = ptr + 2;
  if (flags & L2TP_L) {
    size = L2TP_HEADER_MIN + 2;
    if (len < size) return -DROP_RUNT;
    end = be16(ptr + 2);
    ids = ptr + 4;
  }
  if (flags & L2TP_S) {
    size += 4;
    if (len < size) return -DROP_RUNT;
    headerNs = be16(ids + 4);
  }
  if (flags & L2TP_O) {
    if (len < size + 2) return -DROP_RUNT;
    size += 2 + be16(ptr + size);
  }
  if (end < size || end > len) return -DROP_LENGTH;
  headerKey = bswap<u32>(load<u32>(ids));
  messageEnd = ptr + end;
  return size;
}
