// A packet that came out of a bundle: its PPP protocol field and what follows (RFC 1990 section 2: Address and Control
// fields and protocol fields are taken as compressed).
import { sessions } from "../state";
import { be16 } from "../path/octets";
import { dropRx } from "../path/count";
import { puntFrame } from "../path/punt";
import { deliverIpv4 } from "../path/deliver";
import { DROP_PPP_EMPTY, DROP_PPP_PROTOCOL, DROP_NOT_UP } from "../layout/drop";
import { SESSION_ROW_SIZE, SESSION_FLAGS, SESSION_UP } from "../layout/session";
import { BUNDLE_NETWORK } from "../layout/bundle";

const PROTOCOL_IPV4: u32 = 0x0021;

export function mpFrame(bundle: u32, ptr: u32, end: u32): void {
  const network = sessions + load<u32>(bundle + BUNDLE_NETWORK) * SESSION_ROW_SIZE;
  if (end >= ptr + 2 && load<u16>(ptr) == 0x03ff) ptr += 2;
  if (ptr >= end) return dropRx(DROP_PPP_EMPTY, network);
  let protocol = <u32>load<u8>(ptr);
  let size: u32 = 1;
  if (!(protocol & 1)) {
    if (end < ptr + 2) return dropRx(DROP_PPP_PROTOCOL, network);
    protocol = be16(ptr);
    size = 2;
  }
  if (protocol != PROTOCOL_IPV4) return puntFrame(network, ptr, end - ptr);
  if (!(load<u32>(network + SESSION_FLAGS) & SESSION_UP)) return dropRx(DROP_NOT_UP, network);
  deliverIpv4(network, ptr + size, end);
}
