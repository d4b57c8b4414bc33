// Capture files and frames for the tests.
export const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replace(/\s/g, ''), 'hex'));
export const toHex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');
export const concat = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
export const be16 = (value: number): Uint8Array => Uint8Array.of(value >>> 8, value & 255);

/** 16- and 32-bit numbers of a file, in its octet order. */
function numbers(littleEndian: boolean) {
  const write = (size: 2 | 4) => (value: number) => {
    const octets = new Uint8Array(size);
    const view = new DataView(octets.buffer);
    if (size === 2) view.setUint16(0, value, littleEndian);
    else view.setUint32(0, value, littleEndian);
    return octets;
  };
  return { u16: write(2), u32: write(4) };
}

/** pcap of frames at second 7 and 5 ticks each. */
export function pcap(linkType: number, frames: Uint8Array[], littleEndian = true, magic = 0xa1b2c3d4): Uint8Array {
  const { u16, u32 } = numbers(littleEndian);
  const head = concat(u32(magic), u16(2), u16(4), u32(0), u32(0), u32(65535), u32(linkType));
  return concat(
    head,
    ...frames.map((frame) => concat(u32(7), u32(5), u32(frame.length), u32(frame.length + 1), frame)),
  );
}

/** Blocks of pcapng. */
export function pcapng(littleEndian: boolean) {
  const { u16, u32 } = numbers(littleEndian);
  const padded = (octets: Uint8Array): Uint8Array => concat(octets, new Uint8Array(-octets.length & 3));
  const block = (type: number, body: Uint8Array): Uint8Array => {
    const total = 12 + padded(body).length;
    return concat(u32(type), u32(total), padded(body), u32(total));
  };
  return {
    block,
    section: () => block(0x0a0d0d0a, concat(u32(0x1a2b3c4d), u16(1), u16(0), u32(0xffffffff), u32(0xffffffff))),
    interface: (linkType: number, resolution?: number, snap = 0) =>
      block(
        1,
        concat(
          u16(linkType),
          u16(0),
          u32(snap),
          resolution === undefined
            ? new Uint8Array(0)
            : concat(u16(9), u16(1), Uint8Array.of(resolution, 0, 0, 0), u16(0), u16(0)),
        ),
      ),
    enhanced: (on: number, ticks: bigint, frame: Uint8Array) =>
      block(
        6,
        concat(
          u32(on),
          u32(Number(ticks >> 32n)),
          u32(Number(ticks & 0xffffffffn)),
          u32(frame.length),
          u32(frame.length),
          frame,
        ),
      ),
    simple: (frame: Uint8Array) => block(3, concat(u32(frame.length), frame)),
  };
}

/** UDP header and payload. */
export const udp = (source: number, destination: number, payload: Uint8Array): Uint8Array =>
  concat(be16(source), be16(destination), be16(8 + payload.length), be16(0), payload);

/** IPv4 192.0.2.1 > 192.0.2.2, protocol UDP; `fragment` is the word of flags and offset. */
export const ipv4 = (payload: Uint8Array, fragment = 0, id = 1): Uint8Array =>
  concat(hex('4500'), be16(20 + payload.length), be16(id), be16(fragment), hex('40110000 c0000201 c0000202'), payload);

/** IPv6 2001:db8::1 > 2001:db8::2. */
export const ipv6 = (payload: Uint8Array, next = 17): Uint8Array =>
  concat(
    hex('60000000'),
    be16(payload.length),
    Uint8Array.of(next, 64),
    hex('20010db8000000000000000000000001 20010db8000000000000000000000002'),
    payload,
  );

/** A data message of tunnel 1, session 2. */
export const data = (ppp: Uint8Array): Uint8Array => concat(hex('0002 0001 0002'), ppp);
/** An LCP Echo-Request. */
export const ECHO = hex('ff03c0210907000801020304');

/** A control message of tunnel 1, session 0 with these AVPs. */
export const control = (...avps: Uint8Array[]): Uint8Array => {
  const body = concat(...avps);
  return concat(hex('c802'), be16(12 + body.length), hex('0001 0000 0003 0004'), body);
};
export const avp = (attribute: number, value: Uint8Array, flags = 0x8000, vendor = 0): Uint8Array =>
  concat(be16(flags | (6 + value.length)), be16(vendor), be16(attribute), value);
