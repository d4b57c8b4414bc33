import { pppProtocolOf } from '../decode/ppp.ts';
import { AVP, AVP_HEADER, AVP_HIDDEN, AVP_LENGTH } from '../wire/avp.ts';
import { parseL2tpHeader } from '../wire/l2tp.ts';
import { PPP_LCP, PPP_PAP, PROTOCOL_REJECT } from '../wire/ppp.ts';

/** What stands in place of a password's octets. */
const MASK = 0x2a; // *
const CODE_REJECT = 7;
const PAP_REQUEST = 1;
const be16 = (octets: Uint8Array, at: number): number => (octets[at]! << 8) | octets[at + 1]!;

/**
 * A control message without passwords: the LAC passes that of a PAP user on in clear, as Proxy Authen Response
 * (RFC 2661 section 4.4.5). Hidden AVPs stay as they came. @returns a copy where something had to be masked
 */
export function maskControl(octets: Uint8Array): Uint8Array {
  const header = parseL2tpHeader(octets);
  if (typeof header === 'string') return octets;
  let masked: Uint8Array | null = null;
  for (let at = header.headerOctets; at + AVP_HEADER <= header.messageOctets; ) {
    const head = be16(octets, at);
    const length = head & AVP_LENGTH;
    // What a damaged AVP holds is not told apart: nothing behind it is shown.
    const end = length < AVP_HEADER ? header.messageOctets : Math.min(at + length, header.messageOctets);
    const secret =
      length < AVP_HEADER ||
      ((head & AVP_HIDDEN) === 0 && be16(octets, at + 2) === 0 && be16(octets, at + 4) === AVP.proxyAuthenResponse);
    if (secret) {
      masked ??= copyOf(octets);
      masked.fill(MASK, Math.min(at + AVP_HEADER, end), end);
    }
    at = end;
  }
  return masked ?? octets;
}

/**
 * A PPP frame without passwords: those of PAP (RFC 1334 section 2.2.1), and what a Protocol-Reject or Code-Reject sends
 * back, which may be such a frame. @returns a copy where something had to be masked
 */
export function maskPpp(frame: Uint8Array): Uint8Array {
  const head = pppProtocolOf(frame);
  if (head === null) return frame;
  const { protocol, payloadAt: at } = head;
  if (protocol === PPP_PAP) {
    if (frame[at] !== PAP_REQUEST) return frame;
    // Code, identifier, length; then the name and its length, the password and its length.
    const password = at + 4 + 1 + (frame[at + 4] ?? 0) + 1;
    return fillFrom(frame, password);
  }
  if (protocol === PPP_LCP && (frame[at] === PROTOCOL_REJECT || frame[at] === CODE_REJECT))
    return fillFrom(frame, at + 4 + (frame[at] === PROTOCOL_REJECT ? 2 : 0));
  return frame;
}
/** `slice` of a Buffer would be a view of the same octets. */
const copyOf = (octets: Uint8Array): Uint8Array => new Uint8Array(octets);
function fillFrom(frame: Uint8Array, from: number): Uint8Array {
  if (from >= frame.length) return frame;
  const masked = copyOf(frame);
  masked.fill(MASK, from);
  return masked;
}
