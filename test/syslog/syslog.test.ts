import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { SyslogHostConfig } from '../../src/config/types.ts';
import { GroupSyslog } from '../../src/syslog/groups.ts';
import { contentOf, syslogPacket, timestampOf } from '../../src/syslog/message.ts';
import { QUEUE_MAX, SyslogSender } from '../../src/syslog/sender.ts';
import { configuration, Pair } from '../server/pair.ts';
import { needs } from '../support/needs.ts';

const TIME = new Date(2026, 4, 3, 8, 4, 9);

test('RFC 3164 section 4.1: priority, time with a blank before a day of one digit, host without domain, tag, content', () => {
  const content = contentOf('tunnel-up', { group: 'east', tunnel: 7, name: 'lac east' }, null, 4711);
  assert.equal(
    syslogPacket(3, 6, TIME, 'lns-1.example.net', content).toString(),
    '<30>May  3 08:04:09 lns-1 l2tpd[4711]: L2TPD_TUNNEL_UP: group=east tunnel=7 name="lac east"',
  );
  assert.equal(timestampOf(new Date(2026, 10, 25, 23, 59, 58)), 'Nov 25 23:59:58');
  assert.equal(
    contentOf('authentication-failed', { user: 'kim' }, 'EAST', 1),
    'l2tpd[1]: EAST L2TPD_AUTHENTICATION_FAILED: user=kim',
  );
});

test('RFC 3164 section 4.1: a packet has at most 1024 octets, and no character is cut in two', () => {
  for (let n = 0; n < 4; n++) {
    const packet = syslogPacket(23, 7, TIME, 'lns', `${'x'.repeat(n)}${'ü'.repeat(2000)}`);
    assert.ok(packet.length <= 1024 && packet.length >= 1022);
    assert.doesNotMatch(new TextDecoder('utf-8', { fatal: true }).decode(packet), /\ufffd/);
  }
});

test('what a peer wrote can neither break a line nor steer a terminal', () => {
  const content = contentOf('tunnel-up', { name: 'a\n<13>Jan  1 00:00:00 other\u001b[2J\u009b' }, null, 1);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there
  assert.doesNotMatch(content, /[\u0000-\u001f\u007f-\u009f]/);
});

const host = (rest: Partial<SyslogHostConfig>): SyslogHostConfig => ({
  host: '127.0.0.1',
  port: 514,
  severity: 'any',
  facility: null,
  logPrefix: null,
  ...rest,
});
/** A log host on loopback. */
async function receiver(t: TestContext): Promise<{ port: number; lines: string[] }> {
  const socket = dgram.createSocket('udp4');
  const lines: string[] = [];
  socket.on('message', (octets) => lines.push(octets.toString('utf8')));
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  t.after(() => socket.close());
  return { port: (socket.address() as AddressInfo).port, lines };
}
async function until(condition: () => boolean, what: () => unknown = () => ''): Promise<void> {
  const end = performance.now() + 5000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`it did not happen: ${JSON.stringify(what())}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('each group has hosts of its own, each host its threshold, facility and prefix', async (t) => {
  const one = await receiver(t);
  const two = await receiver(t);
  const local: string[] = [];
  const syslog = new GroupSyslog({
    local: (line) => local.push(line),
    hostName: () => 'lns',
    clock: () => TIME,
    pid: 9,
  });
  t.after(() => syslog.close());
  syslog.configure([
    {
      name: 'east',
      syslog: [
        host({ port: one.port, severity: 'warning', facility: 'local4', logPrefix: 'EAST' }),
        host({ port: two.port, severity: 'any' }),
        host({ host: 'local', severity: 'notice' }),
      ],
    },
    { name: 'west', syslog: [host({ port: two.port, severity: 'none' })] },
  ]);
  for (const severity of ['debug', 'info', 'notice', 'warning', 'error'] as const) {
    syslog.event(severity, 'tunnel-up', { group: 'east', n: severity });
    syslog.event(severity, 'tunnel-up', { group: 'west', n: severity });
    syslog.event(severity, 'tunnel-up', { group: 'gone', n: severity });
  }
  await until(() => one.lines.length === 2 && two.lines.length === 5);
  const at = 'May  3 08:04:09 lns l2tpd[9]:';
  assert.deepEqual(one.lines, [
    `<${20 * 8 + 4}>${at} EAST L2TPD_TUNNEL_UP: group=east n=warning`,
    `<${20 * 8 + 3}>${at} EAST L2TPD_TUNNEL_UP: group=east n=error`,
  ]);
  assert.deepEqual(
    two.lines.map((line) => line.slice(0, 4)),
    ['<31>', '<30>', '<29>', '<28>', '<27>'],
  );
  assert.deepEqual(
    local,
    ['notice', 'warning', 'error'].map((n) => `${at} L2TPD_TUNNEL_UP: group=east n=${n}`),
  );
});

test('a flood of one event is cut, said, and leaves other events alone', () => {
  const local: string[] = [];
  const syslog = new GroupSyslog({ local: (line) => local.push(line), hostName: () => 'lns' });
  syslog.configure([{ name: 'east', syslog: [host({ host: 'local' })] }]);
  const from = performance.now();
  for (let n = 0; n < 5000; n++) syslog.event('warning', 'authentication-failed', { group: 'east', n });
  syslog.event('info', 'tunnel-up', { group: 'east' });
  const seconds = Math.floor(performance.now() / 1000) - Math.floor(from / 1000) + 1;
  const failed = local.filter((line) => line.includes('AUTHENTICATION_FAILED')).length;
  assert.ok(failed >= 500 && failed <= 500 * seconds, `${failed} in ${seconds} s`);
  assert.ok(local.at(-1)!.includes('L2TPD_TUNNEL_UP'));
});

test('an event of no group goes to every host, to each once; a change of the hosts holds at once', async (t) => {
  const { port, lines } = await receiver(t);
  const syslog = new GroupSyslog({ local: () => undefined, hostName: () => 'lns' });
  t.after(() => syslog.close());
  syslog.configure(['a', 'b', 'c'].map((name) => ({ name, syslog: [host({ port })] })));
  syslog.event('notice', 'ready');
  syslog.configure([{ name: 'a', syslog: [] }]);
  syslog.event('notice', 'stopped');
  await until(() => lines.length > 0);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(lines.length, 1);
});

test('a host whose name nobody knows holds up nobody; its queue is bounded, and what is lost is counted', async (t) => {
  const { port, lines } = await receiver(t);
  let answer: (address: string | null) => void = () => undefined;
  const sender = new SyslogSender((_host, done) => {
    answer = done;
  });
  t.after(() => sender.close());
  const packet = Buffer.from('<13>x');
  for (let n = 0; n < QUEUE_MAX + 50; n++) sender.send('log.example', port, packet);
  sender.send('127.0.0.1', port, Buffer.from('<13>other'));
  await until(() => lines.length === 1);
  assert.deepEqual(lines, ['<13>other']);
  assert.equal(sender.lost, 50);
  answer(null);
  assert.equal(sender.lost, QUEUE_MAX + 50);
  assert.deepEqual(lines, ['<13>other']);
  const second = new SyslogSender((_host, done) => setTimeout(() => done('127.0.0.1'), 20));
  t.after(() => second.close());
  for (let n = 0; n < 10; n++) second.send('log.example', port, packet);
  await until(() => lines.length === 11);
});

test("Debian's rsyslog takes the messages of a server apart: facility, severity, host, tag, text", async (t) => {
  if (!needs(t, 'rsyslogd')) return;
  const folder = mkdtempSync(join(tmpdir(), 'lns-rsyslog-'));
  const probe = dgram.createSocket('udp4');
  await new Promise<void>((resolve) => probe.bind(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  const output = join(folder, 'out');
  writeFileSync(
    join(folder, 'rsyslog.conf'),
    `module(load="imudp")
input(type="imudp" address="127.0.0.1" port="${port}")
template(name="parts" type="string"
  string="%syslogfacility-text%|%syslogseverity-text%|%hostname%|%programname%|%procid%|%msg%\\n")
action(type="omfile" file="${output}" template="parts" asyncWriting="off")
`,
  );
  const args = ['-n', '-i', join(folder, 'pid'), '-f', join(folder, 'rsyslog.conf')];
  const rsyslog = spawn('/usr/sbin/rsyslogd', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let told = '';
  for (const stream of [rsyslog.stdout, rsyslog.stderr]) stream.on('data', (chunk) => (told += String(chunk)));
  const exited = new Promise((resolve) => rsyslog.once('exit', resolve));
  t.after(async () => {
    rsyslog.kill('SIGTERM');
    await exited;
    rmSync(folder, { recursive: true });
  });
  const received = (): string[] => {
    try {
      return readFileSync(output, 'utf8').split('\n').filter(Boolean);
    } catch {
      return [];
    }
  };
  // It is ready when a message comes through.
  const hello = dgram.createSocket('udp4');
  const beat = setInterval(() => hello.send('<13>Jan  1 00:00:00 probe probe: hello', port, '127.0.0.1'), 50);
  try {
    await until(
      () => received().length > 0,
      () => told,
    );
  } finally {
    clearInterval(beat);
    hello.close();
  }
  const syslog = `syslog { host 127.0.0.1 {
    port ${port}; services info; facility-override local3; log-prefix EAST;
  } }`;
  const pair = await Pair.start(configuration({ group: syslog }));
  t.after(() => pair.close());
  const lac = await pair.dial();
  assert.equal((await lac.settled(5000)).sessionsUp, 1);
  const wrong = await pair.dial({ user: 'nobody' });
  await wrong.settled(8000);
  const lines = (): string[][] =>
    received()
      .map((line) => line.split('|'))
      .filter(([, , name]) => name === 'lns-test');
  const find = (tag: string): string[] | undefined => lines().find((parts) => parts[5]!.includes(` ${tag}: `));
  await until(() => find('L2TPD_SESSION_UP') !== undefined && find('L2TPD_AUTHENTICATION_FAILED') !== undefined, lines);
  const up = find('L2TPD_SESSION_UP')!;
  assert.deepEqual(up.slice(0, 5), ['local3', 'info', 'lns-test', 'l2tpd', String(process.pid)]);
  assert.match(up[5]!, /^ EAST L2TPD_SESSION_UP: group=test tunnel=\d+ session=\d+ user=user .*address=100\.64\.0\.1/);
  const failed = find('L2TPD_AUTHENTICATION_FAILED')!;
  assert.equal(failed[1], 'warning');
  assert.match(failed[5]!, /user=nobody .*reason="unknown user"/);
  for (const parts of lines()) assert.doesNotMatch(parts.join('|'), /test secret|password/);
});
