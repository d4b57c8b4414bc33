// Reassembly scenarios of RFC 1990 (multilink.json) against the path.
import * as layout from '../../src/generated/layout.ts';
import { TestBundle } from '../support/bundle.ts';
import { hex, TestPath, toHex } from '../support/path.ts';

export interface MultilinkCase {
  readonly id: string;
  readonly seq_bits: number;
  readonly links: readonly number[];
  readonly first_expected: number;
  readonly mrru: number;
  readonly fragments: readonly {
    link: number;
    seq?: number;
    b?: number;
    e?: number;
    hex?: string;
    leave?: boolean;
  }[];
  readonly deliver: readonly { hex: string; earliest: number; latest: number }[];
  readonly discard: readonly { fragment: number; earliest: number; latest: number }[];
  readonly null_fragments: readonly number[];
  readonly still_buffered: readonly number[];
}

let path: TestPath | null = null;
let cases = 0;
const TUNNEL = { row: 0 };

/**
 * Whole packets are looked for where control frames go: payloads of the vectors are no IP packets, so that protocol
 * 0x21 (IPv4) is sent as 0x57 (IPv6) and turned back.
 */
export function runMultilink(one: MultilinkCase): string | null {
  if (path === null || cases === 300) {
    path = new TestPath(layout.CORE_TUN, false, { tunnels: 4, sessions: 4096, bundles: 320, fragments: 4096 });
    path.wasm.puntOptions(0xffffffff);
    TUNNEL.row = path.tunnel();
    cases = 0;
  }
  cases++;
  const bundle = new TestBundle(path, TUNNEL.row, {
    short: one.seq_bits === 12,
    links: one.links.length,
    localMrru: one.mrru,
    firstExpected: one.first_expected,
    firstSession: 0x200 + cases * 8,
  });
  // The protocol field itself may be split over two fragments.
  const split = new Set(
    one.fragments
      .filter((fragment) => fragment.b === 1 && fragment.hex === '00')
      .map((fragment) => (fragment.seq! + 1) % 2 ** one.seq_bits),
  );
  const delivered: string[] = [];
  for (const [i, fragment] of one.fragments.entries()) {
    if (fragment.leave === true) bundle.leave(fragment.link);
    else {
      const payload = hex(fragment.hex ?? '');
      if (fragment.b === 1) {
        if (payload[0] === 0x21) payload[0] = 0x57;
        else if (payload[0] === 0 && payload[1] === 0x21) payload[1] = 0x57;
      } else if (split.has(fragment.seq!) && payload[0] === 0x21) payload[0] = 0x57;
      bundle.receive(fragment.link, fragment.b === 1, fragment.e === 1, fragment.seq!, payload);
    }
    for (const { head, payload } of path.punted())
      if (head.kind === layout.RECORD_PPP && head.row === bundle.network) delivered.push(toHex(payload));
    const discarded = bundle.counters().rxDiscarded;
    const within = (what: string, n: number, list: readonly { earliest: number; latest: number }[]): string | null => {
      const least = list.filter((item) => item.latest <= i).length;
      const most = list.filter((item) => item.earliest <= i).length;
      return n < least || n > most ? `after fragment ${i}: ${n} ${what}, not ${least} to ${most}` : null;
    };
    const wrong = within('delivered', delivered.length, one.deliver) ?? within('discarded', discarded, one.discard);
    if (wrong !== null) return wrong;
  }
  for (const [i, { hex: wanted }] of one.deliver.entries()) {
    const back = delivered[i]!.replace(/^(00)?57/, '$121');
    if (delivered[i] !== wanted && back !== wanted) return `packet ${i} is ${back}, not ${wanted}`;
  }
  if (bundle.waiting !== one.still_buffered.length)
    return `${bundle.waiting} fragments wait, not ${one.still_buffered.length}`;
  bundle.end();
  return null;
}
