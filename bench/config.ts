// How long does an operator wait with ten thousand clients in a profile: load, compare, commit, show?
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileDisk } from '../src/config/disk.ts';
import type { ConfigurationSession } from '../src/config/session.ts';
import { ConfigurationStore } from '../src/config/store.ts';
import { line, smoke } from './support.ts';

const CLIENTS = smoke ? 300 : 10_000;
const ROUNDS = smoke ? 2 : 9;

const BASE = `services { l2tp { tunnel-group harbour { l2tp-access-profile lacs; ppp-access-profile users;
  local-gateway { address 192.0.2.1; } service-interface sp-1/2/0; } } }
interfaces { sp-1/2/0 { unit 0 { family inet; } unit 20 { dial-options { l2tp-interface-id h; shared; } family inet; } } }
access { address-pool quay { address 100.64.0.0/16; } group-profile berths { ppp { framed-pool quay; } }
  profile lacs { client * { l2tp { interface-id h; shared-secret "anchor"; } } } profile users { client a; } }
`;
function clients(): string {
  let text = 'access { profile users {\n';
  for (let i = 0; i < CLIENTS; i++)
    text += `client user-${i}@east.example { chap-secret "secret ${i}"; group-profile berths;
      ppp { framed-ip-address 100.64.${i >> 8}.${i & 255}/32; idle-timeout ${i % 900}; primary-dns 192.0.2.53; } }\n`;
  return `${text}} }`;
}

const folder = mkdtempSync(join(tmpdir(), 'lns-bench-'));
try {
  const file = join(folder, 'lns.conf');
  writeFileSync(file, BASE);
  const store = await ConfigurationStore.open({
    disk: new FileDisk(file),
    platform: 'm10i',
    apply: () => {},
    now: Date.now,
    random: () => 0.5,
  });
  const session = store.openSession({ user: 'bench', mode: 'shared' });
  const text = clients();
  const STEPS: readonly [name: string, run: (session: ConfigurationSession) => unknown][] = [
    [
      'load merge',
      async (one) => {
        await one.execute('load merge terminal');
        return one.provide(text);
      },
    ],
    ['show | compare', (one) => one.execute('show | compare')],
    ['commit', (one) => one.execute('commit')],
    ['show', (one) => one.execute('show')],
    ['show of one client', (one) => one.execute('show access profile users client user-7@east.example')],
    ['show | display set', (one) => one.execute('show | display set')],
    ['show | display xml', (one) => one.execute('show | display xml')],
    [
      'set in one client',
      (one) => one.execute('set access profile users client user-7@east.example ppp idle-timeout 5'),
    ],
    ['commit of one client', (one) => one.execute('commit')],
  ];
  const times = new Map<string, number[]>(STEPS.map(([name]) => [name, []]));
  const hashes = new Map<string, string>();
  for (let round = 0; round < ROUNDS; round++) {
    await session.execute('load override terminal');
    await session.provide(BASE);
    await session.execute('commit');
    for (const [name, run] of STEPS) {
      const from = performance.now();
      const { text: said, ok } = (await run(session)) as { text: string; ok: boolean };
      times.get(name)!.push(performance.now() - from);
      if (!ok) throw new Error(`${name}: ${said}`);
      // When it was changed is not what is asked.
      const stable = said.replace(/^## Last changed.*$|junos:changed-\S+ ?\S*"/gm, '');
      hashes.set(name, createHash('sha256').update(stable).digest('hex').slice(0, 12));
    }
  }
  for (const [name, taken] of times) {
    const sorted = taken.toSorted((a, b) => a - b);
    line({
      bench: 'config',
      case: `${name}, ${CLIENTS} clients`,
      ms: {
        min: Number(sorted[0]!.toFixed(1)),
        median: Number(sorted[sorted.length >> 1]!.toFixed(1)),
        max: Number(sorted.at(-1)!.toFixed(1)),
      },
      runs: ROUNDS,
      hash: hashes.get(name),
    });
  }
  session.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
