/** Fields of an L2TP header, RFC 2661 section 3.1. */
export interface L2tpHeader {
  control: boolean;
  /** The flags word as it stands. */
  flags: number;
  version: number;
  /** Length field, null where absent. */
  length: number | null;
  tunnelId: number;
  sessionId: number;
  ns: number | null;
  nr: number | null;
  /** Offset Size, null where absent. */
  offsetSize: number | null;
  /** Octets from the start of the message to its payload. */
  headerOctets: number;
  /** Octets of the whole message: the Length field's, or all there are. */
  messageOctets: number;
}

export const FLAG_T = 0x8000;
export const FLAG_L = 0x4000;
export const FLAG_S = 0x0800;
export const FLAG_O = 0x0200;
export const FLAG_P = 0x0100;
export const VERSION_MASK = 0x000f;
/** T, L, S and version 2. */
export const CONTROL_FLAGS = 0xc802;
/** Octets of a control message's header. */
export const CONTROL_HEADER = 12;

export type HeaderFault = 'runt' | 'version' | 'length' | 'control-flags';

const be16 = (octets: Uint8Array, at: number): number => (octets[at]! << 8) | octets[at + 1]!;

/** Parses a header. @returns the fields, or what is wrong; a control message must have L and S and not O (section 3.1) */
export function parseL2tpHeader(octets: Uint8Array): L2tpHeader | HeaderFault {
  if (octets.length < 6) return 'runt';
  const flags = be16(octets, 0);
  const control = (flags & FLAG_T) !== 0;
  if ((flags & VERSION_MASK) !== 2) return 'version';
  if (control && (flags & (FLAG_L | FLAG_S | FLAG_O)) !== (FLAG_L | FLAG_S)) return 'control-flags';
  let at = 2;
  let length: number | null = null;
  if (flags & FLAG_L) {
    if (octets.length < 8) return 'runt';
    length = be16(octets, 2);
    at = 4;
  }
  const tunnelId = be16(octets, at);
  const sessionId = be16(octets, at + 2);
  at += 4;
  let ns: number | null = null;
  let nr: number | null = null;
  if (flags & FLAG_S) {
    if (octets.length < at + 4) return 'runt';
    ns = be16(octets, at);
    nr = be16(octets, at + 2);
    at += 4;
  }
  let offsetSize: number | null = null;
  if (flags & FLAG_O) {
    if (octets.length < at + 2) return 'runt';
    offsetSize = be16(octets, at);
    at += 2 + offsetSize;
  }
  const messageOctets = length ?? octets.length;
  if (messageOctets < at || messageOctets > octets.length) return 'length';
  return {
    control,
    flags,
    version: flags & VERSION_MASK,
    length,
    tunnelId,
    sessionId,
    ns,
    nr,
    offsetSize,
    headerOctets: at,
    messageOctets,
  };
}
