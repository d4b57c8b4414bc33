// A packet that came out of a bundle: its PPP protocol field and what follows (RFC 1990 section 2: Address and Control
// fields and protocol fields are taken as compressed).
import { sessions } from "../state";
import { dropRx } from "../path/count";
import { behindAddress, protocolField } from "../path/protocol";
import { puntFrame } from "../path/punt";
import { deliverIpv4 } from "../path/deliver";
import { DROP_NOT_UP } from "../layout/drop";
import { SESSION_ROW_SIZE, SESSION_FLAGS, SESSION_UP } from "../layout/session";
import { BUNDLE_NETWORK } from "../layout/bundle";

const PROTOCOL_IPV4: u32 = 0x0021;

// @ts-ignore: decorator
@inline function networkOf(bundle: u32): u32 { return sessions + load<u32>(bundle + BUNDLE_NETWORK) * SESSION_ROW_SIZE; }

export function mpFrame(bundle: u32, ptr: u32, end: u32): void {
  const network = networkOf(bundle);
  ptr = behindAddress(ptr, end);
  const field = protocolField(network, ptr, end);
  if (!field) return;
  if (field >>> 8 == PROTOCOL_IPV4) return mpIpv4(bundle, ptr + (field & 0xff), end);
  puntFrame(network, ptr, end - ptr);
}
/** An IPv4 packet of the bundle, put together or as a member link carried it. */
export function mpIpv4(bundle: u32, ptr: u32, end: u32): void {
  const network = networkOf(bundle);
  if (!(load<u32>(network + SESSION_FLAGS) & SESSION_UP)) return dropRx(DROP_NOT_UP, network);
  deliverIpv4(network, ptr, end);
}
