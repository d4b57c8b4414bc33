// Reassembly judged by the Linux kernel: the fragments of a capture (NAME.pcap) through the path, against the packets that
// ppp_generic made of the same fragments (NAME.inner.json).
import { readFileSync } from 'node:fs';
import { CaptureReader } from '../../src/decode/pcap.ts';
import * as layout from '../../src/generated/layout.ts';
import { TestBundle } from '../support/bundle.ts';
import { mapped, TestPath, toHex } from '../support/path.ts';

const head = (packet: string | undefined): string =>
  packet === undefined ? 'none' : `${packet.length / 2} octets ${packet.slice(0, 48)}`;

/** @param inner path of NAME.inner.pcap or NAME.inner.json */
export function compareInner(inner: string): { passed: number; failures: string[] } {
  const base = inner.replace(/\.inner\.(pcap|json)$/, '');
  const expected = JSON.parse(readFileSync(`${base}.inner.json`, 'utf8')) as {
    direction: string;
    seq_bits: number;
    packets: string[];
  };
  const sender = /\((\d+)\.(\d+)\.(\d+)\.(\d+)\) to/.exec(expected.direction)!.slice(1).map(Number);
  const fragments: { link: string; begin: boolean; end: boolean; sequence: number; payload: Uint8Array }[] = [];
  for (const { octets } of new CaptureReader(readFileSync(`${base}.pcap`))) {
    // Ethernet, IPv4 without options, UDP.
    if (octets[12] !== 8 || octets[23] !== 17 || sender.some((octet, i) => octets[26 + i] !== octet)) continue;
    const message = octets.subarray(42);
    const view = new DataView(message.buffer, message.byteOffset, message.length);
    const flags = view.getUint16(0);
    if ((flags & layout.L2TP_T) !== 0) continue;
    let at = 2 + ((flags & layout.L2TP_L) !== 0 ? 2 : 0);
    const link = `${view.getUint16(at)}/${view.getUint16(at + 2)}`;
    at += 4 + ((flags & layout.L2TP_S) !== 0 ? 4 : 0);
    if (view.getUint16(at) === 0xff03) at += 2;
    if (message[at] === 0x3d) at += 1;
    else if (view.getUint16(at) === 0x3d) at += 2;
    else continue;
    const short = expected.seq_bits === 12;
    fragments.push({
      link,
      begin: (message[at]! & 0x80) !== 0,
      end: (message[at]! & 0x40) !== 0,
      sequence: short ? view.getUint16(at) & 0xfff : view.getUint32(at) & 0xffffff,
      payload: message.slice(at + (short ? 2 : 4)),
    });
  }
  const links = [...new Set(fragments.map(({ link }) => link))];
  const path = new TestPath(layout.CORE_TUN, false, { tunnels: 4, sessions: 64, bundles: 2, fragments: 512 });
  const bundle = new TestBundle(path, path.tunnel(), {
    links: links.length,
    short: expected.seq_bits === 12,
    localMrru: 1900,
  });
  const source = Buffer.from(expected.packets[0]!, 'hex').subarray(12, 16);
  bundle.up(mapped(source[0]!, source[1]!, source[2]!, source[3]!));
  const got: string[] = [];
  for (const { link, begin, end, sequence, payload } of fragments) {
    bundle.receive(links.indexOf(link), begin, end, sequence, payload);
    got.push(...path.delivered().map(toHex));
  }
  const failures: string[] = [];
  let passed = 0;
  for (let n = 0; n < Math.max(got.length, expected.packets.length); n++)
    if (got[n] === expected.packets[n]) passed++;
    else failures.push(`packet ${n}: the kernel made ${head(expected.packets[n])}, the path ${head(got[n])}`);
  return { passed, failures };
}
