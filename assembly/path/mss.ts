// The Maximum Segment Size of TCP connections through a session, lowered to what its client takes in one packet (RFC
// 6691): where a path drops the ICMP messages of path MTU discovery, large segments would get lost. Both directions.
import { be16, adjustChecksum } from "./octets";
import { count } from "./count";
import { SESSION_PEER_MRU } from "../layout/session";
import { TOTAL_MSS_CLAMPED } from "../layout/drop";

const TCP_SYN: u32 = 0x02;
const OPTION_MSS: u32 = 2;

/** Most that a segment may hold; 0 leaves it alone, CLAMP_AUTO takes it from the client's MRU. */
let limit: u32 = 0;
export const CLAMP_OFF: u32 = 0;
export const CLAMP_AUTO: u32 = 0xffff;
export function mssOptions(octets: u32): void { limit = octets; }

/** Looks at the IPv4 packet at `ptr`; `len` is its Total Length. */
// @ts-ignore: decorator
@inline export function clampMss(session: u32, ptr: u32, len: u32): void {
  // Without IP options the flags stand in octet 33: what begins no connection is told here, the rest by `clamp`.
  if (limit != CLAMP_OFF && load<u8>(ptr, 9) == 6 && (load<u8>(ptr) != 0x45 || <u32>load<u8>(ptr, 33) & TCP_SYN)) clamp(session, ptr, len);
}
function clamp(session: u32, ptr: u32, len: u32): void {
  const part = ptr + ((<u32>load<u8>(ptr) & 15) << 2);
  if ((be16(ptr + 6) & 0x1fff) != 0 || ptr + len < part + 20 || !(<u32>load<u8>(part, 13) & TCP_SYN)) return;
  const end = min(part + (<u32>load<u8>(part, 12) >>> 4 << 2), ptr + len);
  // 20 octets each of IPv4 and TCP header (RFC 6691 section 2)
  const fit = load<u32>(session + SESSION_PEER_MRU) - 40;
  const most = limit == CLAMP_AUTO ? fit : min(limit, fit);
  for (let at = part + 20; at < end;) {
    const kind = <u32>load<u8>(at);
    if (kind == 0) return;
    if (kind == 1) { at++; continue; }
    if (at + 1 >= end) return;
    const octets = <u32>load<u8>(at, 1);
    if (octets < 2 || at + octets > end) return;
    if (kind == OPTION_MSS && octets == 4) {
      if (be16(at + 2) > most) lower(part, at + 2, most);
      return;
    }
    at += octets;
  }
}
/** Writes the value at `at` and mends the checksum; an odd place touches two of its words. */
function lower(part: u32, at: u32, value: u32): void {
  const from = at - ((at - part) & 1);
  const first = load<u16>(from), second = load<u16>(from, 2);
  store<u16>(at, bswap<u16>(<u16>value));
  adjustChecksum(part + 16, first, load<u16>(from));
  if (from != at) adjustChecksum(part + 16, second, load<u16>(from, 2));
  count(TOTAL_MSS_CLAMPED, 1);
}
