// What stands before the payload of a PPP frame: Address and Control, which may be left out at any time and are told by
// their value (RFC 1661 section 6.6), and the protocol field in two octets or one (section 6.5).
import { be16 } from "./octets";
import { dropRx } from "./count";
import { DROP_PPP_EMPTY, DROP_PPP_PROTOCOL } from "../layout/drop";

// @ts-ignore: decorator
@inline export function behindAddress(ptr: u32, end: u32): u32 { return end >= ptr + 2 && load<u16>(ptr) == 0x03ff ? ptr + 2 : ptr; }
/**
 * The protocol field at `ptr` of a frame of `session`.
 * @returns protocol << 8 | octets of the field; 0 where there is none: the frame is dropped. An even protocol is none
 *   (section 2): the main thread rejects it
 */
// @ts-ignore: decorator
@inline export function protocolField(session: u32, ptr: u32, end: u32): u32 {
  if (ptr >= end) {
    dropRx(DROP_PPP_EMPTY, session);
    return 0;
  }
  const first = <u32>load<u8>(ptr);
  if (first & 1) return first << 8 | 1;
  if (end < ptr + 2) {
    dropRx(DROP_PPP_PROTOCOL, session);
    return 0;
  }
  return be16(ptr) << 8 | 2;
}
