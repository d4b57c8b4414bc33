// Debian's xl2tpd on loopback, without kernel support: the control connection alone.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { configuration, Pair } from '../server/pair.ts';
import { needs } from '../support/needs.ts';

/** An xl2tpd of its own folder and port; `lac` lines make it dial, `lns` lines make it answer. */
class Xl2tpd {
  readonly folder = mkdtempSync(join(tmpdir(), 'xl2tpd-'));
  readonly #child: ChildProcess;
  log = '';

  constructor(port: number, secret: string, sections: string) {
    writeFileSync(join(this.folder, 'secrets'), `* * ${secret}\n`, { mode: 0o600 });
    writeFileSync(join(this.folder, 'options'), 'noauth\n');
    writeFileSync(
      join(this.folder, 'conf'),
      `[global]\nport = ${port}\nlisten-addr = 127.0.0.1\nauth file = ${join(this.folder, 'secrets')}\ndebug tunnel = yes\ndebug state = yes\n${sections.replaceAll('@', this.folder)}`,
    );
    this.#child = spawn(
      'xl2tpd',
      ['-D', '-c', join(this.folder, 'conf'), '-C', join(this.folder, 'control'), '-p', join(this.folder, 'pid')],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } },
    );
    const take = (chunk: Buffer): void => {
      this.log += chunk.toString();
    };
    this.#child.stdout!.on('data', take);
    this.#child.stderr!.on('data', take);
  }
  command(line: string): void {
    writeFileSync(join(this.folder, 'control'), `${line}\n`);
  }
  async until(pattern: RegExp, timeoutMs = 8000): Promise<void> {
    const end = performance.now() + timeoutMs;
    while (!pattern.test(this.log)) {
      if (performance.now() > end) throw new Error(`xl2tpd did not say ${pattern}:\n${this.log}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  async close(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.on('exit', resolve));
    this.#child.kill('SIGTERM');
    await gone;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const freePort = (): number => 20_000 + Math.floor(Math.random() * 20_000);

let gateway = 20;

/** A server, and an xl2tpd that dials it once. */
async function dialled(t: TestContext, secret: string, group: string): Promise<{ pair: Pair; peer: Xl2tpd }> {
  // xl2tpd dials port 1701: the server has it on an address of its own.
  const address = `127.0.0.${++gateway}`;
  const pair = await Pair.start(configuration({ group }).replace('127.0.0.1', address), { port: 1701 });
  t.after(() => pair.close());
  const peer = new Xl2tpd(
    freePort(),
    secret,
    `[lac l]\nlns = ${address}\npppoptfile = @/options\nredial = no\nchallenge = yes\nlength bit = yes\n`,
  );
  t.after(() => peer.close());
  await peer.until(/Listening on IP/);
  await new Promise((resolve) => setTimeout(resolve, 200));
  peer.command('c l');
  return { pair, peer };
}

test('xl2tpd opens a tunnel and a call, authenticated both ways, and takes our HELLO', async (t) => {
  if (!needs(t, 'xl2tpd')) return;
  const { pair, peer } = await dialled(t, 'test secret', 'hello-interval 1;');
  await peer.until(/Connection established to 127\.0\.0\.\d+/);
  await pair.until(() => pair.events.some((one) => one.event === 'tunnel-up'), 8000);
  await peer.until(/Call established with 127\.0\.0\.\d+|Call established/);
  const before = pair.lns.controlTotals.txPackets;
  await new Promise((resolve) => setTimeout(resolve, 2500));
  assert.equal(pair.lns.tunnels.size, 1, 'HELLOs are answered');
  assert.ok(pair.lns.controlTotals.txPackets > before, 'and were sent');
  peer.command('d l');
  await pair.until(() => pair.events.some((one) => one.event === 'tunnel-down'), 8000);
  assert.ok(pair.events.some((one) => one.event === 'tunnel-down' && one.fields.by === 'peer'));
});

test('xl2tpd accepts the AVPs that we hide', async (t) => {
  if (!needs(t, 'xl2tpd')) return;
  const { peer, pair } = await dialled(t, 'test secret', 'hide-avps;');
  // Assigned Session ID in our ICRP is hidden: its ICCN names the session only if it could read it.
  await peer.until(/Call established/);
  assert.ok(pair.events.some((one) => one.event === 'tunnel-up'));
  assert.equal(pair.lns.discards.get('session-unknown') ?? 0, 0);
});

test('xl2tpd with another secret is refused', async (t) => {
  if (!needs(t, 'xl2tpd')) return;
  const { peer, pair } = await dialled(t, 'another', '');
  await peer.until(/closed to 127\.0\.0\.\d+|Invalid challenge/);
  assert.equal(pair.lns.tunnels.size, 0);
  assert.ok(!pair.events.some((one) => one.event === 'tunnel-up'));
});

test('our LAC opens a tunnel to xl2tpd as LNS with a secret, and xl2tpd answers its HELLOs', async (t) => {
  if (!needs(t, 'xl2tpd')) return;
  const port = freePort();
  const peer = new Xl2tpd(
    port,
    'test secret',
    '[lns default]\nip range = 192.0.2.10-192.0.2.20\nlocal ip = 192.0.2.1\nchallenge = yes\nlength bit = yes\npppoptfile = @/options\n',
  );
  t.after(() => peer.close());
  await peer.until(/Listening on IP/);
  const pair = await Pair.start();
  t.after(() => pair.close());
  const lac = await pair.dial(
    { server: { address: '127.0.0.1', port }, tunnels: 1, sessionsPerTunnel: 0 },
    { helloIntervalMs: 500 },
  );
  await pair.until(() => lac.status.tunnelsUp === 1, 8000);
  await new Promise((resolve) => setTimeout(resolve, 1800));
  assert.equal(lac.status.tunnelsUp, 1, 'it answers our HELLOs');
  await lac.stop();
  await peer.until(/Connection closed to 127\.0\.0\.1|closed to 127\.0\.0\.1/);
});
