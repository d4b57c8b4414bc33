// iperf3 and files through `lns dial --tun`, `lns run` on a TUN device, and the kernel's forwarding: four network
// namespaces, client, LAC, LNS and far end.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CORE, LAC, Lab, LNS, SECRET } from '../../bench/peers/lab.ts';
import { dialled, ServerProcess } from '../../bench/server.ts';
import { configuration } from '../server/pair.ts';
import { needs } from '../support/needs.ts';

const MIB = 1 << 20;
/** Octets that repeat nowhere. */
function octets(count: number, seed: number): Buffer {
  const buffer = Buffer.alloc(count);
  for (let i = 0, state = seed; i < count; i += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    buffer.writeUInt32LE(state, i);
  }
  return buffer;
}
const sha = (buffer: Buffer): string => createHash('sha256').update(buffer).digest('hex');
const UP = `require('fs').createReadStream(process.argv[1]).pipe(require('net').connect(9001, '${CORE}'))`;
const DOWN = `require('net').connect(9002, '${CORE}').pipe(require('fs').createWriteStream(process.argv[1]))`;
const FAR = `
const [net, fs] = [require('net'), require('fs')];
net.createServer((up) => up.pipe(fs.createWriteStream(process.argv[1])).once('close', () => console.log('whole'))).listen(9001);
net.createServer((down) => fs.createReadStream(process.argv[2]).pipe(down)).listen(9002, () => console.log('ready'));
`;
/** Both ways: a file with its hash, and what iperf3 sees of UDP, of which it checks the order. A server a run: none is busy. */
const SCRIPT = `
"$NODE" -e "$UP" "$FOLDER/up.bin"
"$NODE" -e "$DOWN" "$FOLDER/down.got"
iperf3 -J -p 5301 -u -b 20M -l 1400 -c ${CORE} -t 1 --logfile "$FOLDER/up.json"
iperf3 -J -p 5302 -u -b 20M -l 1400 -R -c ${CORE} -t 1 --logfile "$FOLDER/down.json"
iperf3 -J -p 5303 -c ${CORE} -n 20M --logfile "$FOLDER/tcp-up.json"
iperf3 -J -p 5304 -R -c ${CORE} -n 20M --logfile "$FOLDER/tcp-down.json"
`;

const LADDERS: Record<string, readonly string[]> = {
  'all rungs': [],
  'none of them': ['--no-gso', '--no-gro', '--no-vnet-hdr', '--no-uring'],
};
for (const [name, flags] of Object.entries(LADDERS))
  for (const sessions of [1, 3])
    test(`iperf3 and files through lns dial --tun, ${name}, ${sessions} on the device: every octet as it was, TCP and UDP both ways`, async (t) => {
      if (!needs(t, 'root', 'ffi', 'ip', 'iperf3')) return;
      const folder = mkdtempSync(join(tmpdir(), 'lns-iperf-'));
      const lab = new Lab();
      const children: ChildProcess[] = [];
      const far = (...words: string[]): ChildProcess => {
        const child = spawn('ip', ['netns', 'exec', lab.core, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
        children.push(child);
        return child;
      };
      let server: ServerProcess | null = null;
      try {
        const text = configuration({ pool: 'address 100.64.0.0/16;' });
        server = await ServerProcess.start(text.replaceAll('127.0.0.1', LNS).replaceAll('100.64.255.', '198.19.255.'), {
          prefix: ['ip', 'netns', 'exec', lab.lns],
          arguments: ['--net', 'tun', '--tun', 'lns0', '--shards', '2', ...flags],
          port: 1701,
        });
        const [up, down] = [octets(24 * MIB, 1), octets(24 * MIB, 2)];
        writeFileSync(join(folder, 'up.bin'), up);
        writeFileSync(join(folder, 'down.bin'), down);
        for (const port of ['5301', '5302', '5303', '5304']) {
          const listening = far('iperf3', '-s', '-p', port, '--forceflush');
          await new Promise((resolve) => listening.stdout!.once('data', resolve));
        }
        const files = far(process.execPath, '-e', FAR, join(folder, 'up.got'), join(folder, 'down.bin'));
        let heard = '';
        const whole = new Promise<void>((resolve) =>
          files.stdout!.on('data', (chunk: Buffer) => {
            heard += chunk.toString();
            if (heard.includes('whole')) resolve();
          }),
        );
        for (const end = performance.now() + 20_000; !heard.includes('ready'); ) {
          assert.ok(performance.now() < end, 'the far end listens');
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
        const result = await dialled(
          [
            ...['--server', LNS, '--local', LAC, '--secret', SECRET, '--user', 'user', '--password', 'password'],
            ...['--sessions', String(sessions), '--shards', '2', '--mru', '1460', ...flags, '--json', '--tun'],
            ...[
              '--',
              'timeout',
              '100',
              'env',
              `FOLDER=${folder}`,
              `NODE=${process.execPath}`,
              `UP=${UP}`,
              `DOWN=${DOWN}`,
            ],
            ...['sh', '-ec', SCRIPT],
          ],
          ['ip', 'netns', 'exec', lab.lac],
        );
        assert.equal(result.device?.status, 0);
        await whole;
        assert.equal(result.device.mtu, 1460);
        assert.equal(result.device.addresses, sessions);
        assert.equal(sha(readFileSync(join(folder, 'up.got'))), sha(up), 'the file that went up');
        assert.equal(sha(readFileSync(join(folder, 'down.got'))), sha(down), 'the file that came down');
        const said = (file: string) => JSON.parse(readFileSync(join(folder, `${file}.json`), 'utf8'));
        for (const way of ['up', 'down']) {
          const { end } = said(way);
          // A machine without a turn to give may lose some; that nothing is reordered does not depend on it.
          assert.ok(end.sum.packets > 300 && end.sum.lost_packets < end.sum.packets * 0.5, JSON.stringify(end.sum));
          assert.equal(end.streams[0].udp.out_of_order, 0);
          assert.ok(said(`tcp-${way}`).end.sum_received.bytes > 5_000_000);
        }
        const { sent, received } = result.device;
        assert.ok(sent.octets > 25 * MIB && received.octets > 25 * MIB, JSON.stringify({ sent, received }));
      } finally {
        for (const child of children) child.kill('SIGKILL');
        await server?.stop();
        lab.remove();
        rmSync(folder, { recursive: true, force: true });
      }
    });
