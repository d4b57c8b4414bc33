import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { Decoder } from '../../src/decode/decode.ts';
import { CaptureReader } from '../../src/decode/pcap.ts';
import type { LacProfile } from '../../src/emulator/lac.ts';
import { LogDirectory } from '../../src/trace/directory.ts';
import { RotatingFile } from '../../src/trace/file.ts';
import { maskControl, maskPpp } from '../../src/trace/mask.ts';
import { pcapngHead, pcapngPacket } from '../../src/trace/pcapng.ts';
import { hexDump } from '../../src/trace/tracer.ts';
import { configuration, Pair, resolved } from '../server/pair.ts';
import { needs } from '../support/needs.ts';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'lns-trace-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

// Files.

const rotating = (path: string, more: Partial<ConstructorParameters<typeof RotatingFile>[0]> = {}) => {
  const failures: string[] = [];
  const file = new RotatingFile({
    path,
    sizeOctets: 1000,
    files: 3,
    worldReadable: false,
    failed: (reason) => failures.push(reason),
    ...more,
  });
  return { file, failures };
};

test('at its size a file becomes NAME.0.gz, older ones move up, the oldest goes; no line is cut or lost', async (t) => {
  const path = join(folder(t), 'l2tpd');
  const { file, failures } = rotating(path);
  for (let n = 0; n < 100; n++) {
    file.writeLine(`line ${String(n).padStart(3, '0')} ${'x'.repeat(90)}`);
    if (n % 7 === 0) await file.flush();
  }
  await file.close();
  const text = (name: string): string => gunzipSync(readFileSync(`${path}${name}`)).toString('utf8');
  assert.deepEqual(readdirSync(join(path, '..')).sort(), ['l2tpd', 'l2tpd.0.gz', 'l2tpd.1.gz']);
  const kept = text('.1.gz') + text('.0.gz') + readFileSync(path, 'utf8');
  const lines = kept.split('\n').filter(Boolean);
  assert.ok(lines.length >= 19);
  assert.deepEqual(
    lines.map((line) => Number(line.slice(5, 8))),
    Array.from({ length: lines.length }, (_, n) => 100 - lines.length + n),
  );
  for (const name of ['.0.gz', '.1.gz']) assert.ok(text(name).length <= 1000);
  assert.deepEqual([file.lost, failures.length], [0, 0]);
});

test('a file goes on where an earlier run left it, and is for its owner unless world-readable', async (t) => {
  const path = join(folder(t), 'l2tpd');
  for (const [n, worldReadable, mode] of [
    [1, false, 0o640],
    [2, true, 0o644],
  ] as const) {
    const { file } = rotating(path, { worldReadable });
    file.writeLine(`run ${n}`);
    await file.close();
    assert.equal(statSync(path).mode & 0o777, mode);
  }
  assert.equal(readFileSync(path, 'utf8'), 'run 1\nrun 2\n');
});

test('a disk that does not take it: told once, counted, and nobody waits', async () => {
  const { file, failures } = rotating('/proc/no-such-place/l2tpd');
  for (let n = 0; n < 10; n++) {
    file.writeLine('x');
    await file.flush();
  }
  assert.equal(file.lost, 10);
  assert.equal(failures.length, 1);
  assert.match(failures[0]!, /no-such-place/);
  await file.close();
});

test('the directory lists, reads and follows; a name leads nowhere else', async (t) => {
  const path = folder(t);
  const directory = new LogDirectory(join(path, 'log'), () => undefined);
  assert.deepEqual(directory.list(), []);
  assert.equal(
    directory.follow('l2tpd', () => undefined),
    null,
  );
  const file = directory.open('l2tpd', { sizeOctets: 10_000, files: 3, worldReadable: false });
  const followed: string[] = [];
  const stop = directory.follow('l2tpd', (text) => followed.push(text))!;
  file.writeLine('one');
  file.writeLine('zwölf');
  stop();
  file.writeLine('three');
  await file.flush();
  let text = '';
  for await (const part of directory.read('l2tpd')!) text += part;
  assert.equal(text, 'one\nzwölf\nthree\n');
  assert.deepEqual(followed, ['one\n', 'zwölf\n']);
  assert.deepEqual(
    directory.list().map(({ name, octets }) => [name, octets]),
    [['l2tpd', 17]],
  );
  for (const name of ['../secret', '/etc/passwd', '..', '', 'a/b', '.hidden']) assert.equal(directory.read(name), null);
  await file.close();
});

// Secrets.

test('RFC 1334 section 2.2.1: of a PAP Authenticate-Request the password is masked, the name stays', () => {
  const frame = Buffer.from([0xff, 0x03, 0xc0, 0x23, 1, 7, 0, 14, 3, ...Buffer.from('kim'), 4, ...Buffer.from('geh!')]);
  const masked = Buffer.from(maskPpp(frame)).toString('latin1');
  assert.ok(masked.endsWith('kim\x04****'));
  assert.match(frame.toString('latin1'), /geh!/, 'the frame itself is untouched');
  // What a client sends back as not understood may be just that.
  const reject = Buffer.from([0xc0, 0x21, 8, 1, 0, 20, 0xc0, 0x23, ...frame.subarray(4)]);
  assert.doesNotMatch(Buffer.from(maskPpp(reject)).toString('latin1'), /geh!/);
});

test('RFC 2661 section 4.4.5: the Proxy Authen Response is masked, hidden AVPs stay hidden', () => {
  const avp = (flags: number, type: number, value: string): number[] => [
    (flags << 8) >> 8,
    6 + value.length,
    0,
    0,
    0,
    type,
    ...Buffer.from(value),
  ];
  const body = [
    ...avp(0x80, 0, '\0\x0c'),
    ...avp(0x80, 33, 'geheim'),
    ...avp(0xc0, 33, 'verdeckt'),
    ...avp(0, 30, 'kim'),
  ];
  const octets = Buffer.from([0xc8, 0x02, 0, 12 + body.length, 0, 1, 0, 2, 0, 3, 0, 4, ...body]);
  const masked = Buffer.from(maskControl(octets)).toString('latin1');
  assert.doesNotMatch(masked, /geheim/);
  assert.match(masked, /verdeckt/);
  assert.match(masked, /kim$/);
  // What a damaged AVP holds cannot be told apart.
  const damaged = octets.subarray();
  damaged[12 + 8 + 1] = 3;
  assert.doesNotMatch(Buffer.from(maskControl(damaged)).toString('latin1'), /geheim/);
});

test('any octets are masked without harm, in the same length', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (octets) => {
      assert.equal(maskPpp(octets).length, octets.length);
      assert.equal(maskControl(octets).length, octets.length);
    }),
  );
});

// Captures.

test('a capture is read back: packets, times, and the wire is not changed', () => {
  const packets = [Buffer.from('abc'), Buffer.from(''), Buffer.from('0123456789ab')];
  const time = 1_780_000_000_123_456_789n;
  const file = Buffer.concat([
    pcapngHead('sp-1/2/0'),
    ...packets.map((packet, n) => pcapngPacket(packet, time + BigInt(n), n % 2 === 0)),
  ]);
  const reader = new CaptureReader(file);
  const read = [...reader];
  assert.equal(reader.problem, null);
  assert.deepEqual(
    read.map(({ octets, timeNs, linkType }) => [Buffer.from(octets).toString(), timeNs, linkType]),
    packets.map((packet, n) => [packet.toString(), time + BigInt(n), 101]),
  );
});

test('a dump has sixteen octets a line, and their characters', () => {
  assert.deepEqual(hexDump(Buffer.from('0123456789abcdef\x00\xff', 'latin1')), [
    '          0000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef',
    `          0010  00 ff${' '.repeat(42)}  ..`,
  ]);
});

// A server that traces.

const USERS = ['kim', 'ola']
  .map((name) => `client ${name} { chap-secret "geheim-${name}"; pap-password "geheim-${name}"; }`)
  .join(' ');
const traced = (traceoptions: string, more: { client?: string; group?: string } = {}): string =>
  configuration({ users: USERS, ...more }).replace(
    'services { l2tp {',
    `services { l2tp { traceoptions { ${traceoptions} }`,
  );
async function tracing(
  t: TestContext,
  traceoptions: string,
  more = {},
): Promise<{ pair: Pair; directory: string; read: (name?: string) => string }> {
  const directory = join(folder(t), 'log');
  const pair = await Pair.start(traced(traceoptions, more), { logDirectory: directory });
  t.after(() => pair.close());
  const read = (name = 'l2tpd'): string => {
    try {
      return readFileSync(join(directory, name), 'utf8');
    } catch {
      return '';
    }
  };
  return { pair, directory, read };
}
async function session(pair: Pair, name: string, profile: Partial<LacProfile> = {}): Promise<void> {
  const lac = await pair.dial({ user: name, password: `geheim-${name}`, hostName: `lac-${name}`, ...profile });
  assert.equal((await lac.settled(8000)).sessionsUp, 1, pair.lines);
  await lac.stop();
  await pair.until(() => pair.lns.sessionsUp === 0);
}

test('without traceoptions nothing is traced', async (t) => {
  const directory = join(folder(t), 'log');
  const pair = await Pair.start(configuration({ users: USERS }), { logDirectory: directory });
  t.after(() => pair.close());
  await session(pair, 'kim');
  assert.equal(pair.lns.logging.tracer?.active, false);
  assert.throws(() => statSync(directory), /ENOENT/);
});

test('flag all traces every control message and PPP frame both ways, events besides', async (t) => {
  const { pair, read } = await tracing(t, 'flag all;');
  await session(pair, 'kim');
  await pair.until(() => /StopCCN/.test(read()));
  const text = read();
  for (const pattern of [
    /^\w{3} [ \d]\d \d\d:\d\d:\d\d\.\d{3} l2tp rx 127\.0\.0\.1:\d+ > 127\.0\.0\.1:\d+ {2}SCCRQ {2}tunnel 0 session 0 Ns 0/m,
    / l2tp tx .* SCCRP /,
    / l2tp rx .* ICRQ /,
    / l2tp tx .* ICRP /,
    / ppp rx .* data .* LCP Configure-Request/,
    / ppp tx .* IPCP Configure-Ack/,
    / tunnel-up group=test /,
    / session-up group=test .*user=kim/,
    / session-statistics group=test .*rxPackets=0/,
    / configuration|ready /,
  ])
    assert.match(text, pattern);
  // A flag alone shows what a message is, not what is in it.
  assert.doesNotMatch(text, /Host Name/);
});

test('a flag traces its own, a filter its protocol, debug-level its detail', async (t) => {
  const { pair, read } = await tracing(t, 'flag tunnel;');
  await session(pair, 'kim');
  await pair.until(() => /tunnel-down/.test(read()));
  assert.doesNotMatch(read(), /l2tp rx|ppp|session-up/);
  await pair.change(traced('file two; flag protocol; filter { protocol ppp; } debug-level packet-dump;'));
  await session(pair, 'kim');
  await pair.until(() => /IPCP Configure-Ack/.test(read('two')));
  assert.match(read('two'), /ppp rx .*LCP/);
  assert.match(read('two'), /^ {10}0000 {2}40 02 00 /m);
  assert.doesNotMatch(read('two'), /l2tp|tunnel-up/);
  await pair.change(traced('file three; flag receive-packets;'));
  await session(pair, 'kim');
  await pair.until(() => /StopCCN/.test(read('three')));
  assert.doesNotMatch(read('three'), / tx |tunnel-up/);
  assert.match(read('three'), / ppp rx /);
  await pair.change(traced('file four; flag protocol; filter { protocol l2tp; } debug-level detail;'));
  await session(pair, 'kim');
  await pair.until(() => /StopCCN/.test(read('four')));
  assert.match(read('four'), /^ {10}M- Host Name: "lac-kim"$/m);
  await pair.change(traced('file five; flag protocol; filter { protocol udp; }'));
  await session(pair, 'kim');
  await pair.until(() => read('five').split('\n').length > 8);
  assert.match(read('five'), / udp rx 127\.0\.0\.1:\d+ > 127\.0\.0\.1:\d+ {2}\d+ octets$/m);
  await pair.change(traced('file six; flag all; level error; filter { protocol radius; }'));
  await session(pair, 'kim');
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(read('six'), '');
});

test('level holds for events; debug-level error shows packets in error alone', async (t) => {
  const { pair, read } = await tracing(t, 'flag all; level warning; filter { protocol radius; }');
  const wrong = await pair.dial({ user: 'nobody' });
  await wrong.settled(8000);
  await pair.until(() => /authentication-failed/.test(read()));
  assert.doesNotMatch(read(), /tunnel-up|session-failed|ready/);
  await pair.change(traced('file two; flag protocol; debug-level error;'));
  await session(pair, 'kim');
  const { address, port } = pair.gateway('127.0.0.1');
  // An SCCRQ whose Protocol Version AVP says that it is longer than the message.
  const octets = Buffer.from('c80200210000000000000000800800000000000180ff000000020100800700000007', 'hex');
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  octets.writeUInt16BE(octets.length, 2);
  socket.send(octets, port, address);
  await pair.until(() => read('two') !== '');
  assert.match(read('two'), /l2tp rx .* SCCRQ .*\n( {10}.*\n)* {10}! /);
  for (const line of read('two')
    .split('\n')
    .filter((one) => / rx | tx /.test(one)))
    assert.match(line, /SCCRQ/);
});

test('world-readable opens the file to anybody, no-world-readable keeps it; no-remote-trace changes nothing', async (t) => {
  const { pair, directory, read } = await tracing(t, 'file open world-readable; flag init; no-remote-trace;');
  await pair.until(() => read('open') !== '');
  assert.equal(statSync(join(directory, 'open')).mode & 0o777, 0o644);
  await pair.change(traced('file kept no-world-readable; flag configuration;'));
  await pair.until(() => read('kept') !== '');
  assert.equal(statSync(join(directory, 'kept')).mode & 0o777, 0o640);
});

test('filter user-name traces one user, what came before its name included, and no other', async (t) => {
  const { pair, read } = await tracing(t, 'flag all; filter { user-name kim; }');
  await session(pair, 'ola');
  await session(pair, 'kim');
  await pair.until(() => /session-down .*user=kim/.test(read()));
  const text = read();
  assert.doesNotMatch(text, /ola/);
  assert.match(text, /ppp rx .*LCP Configure-Request[\s\S]*CHAP[\s\S]*session-up .*user=kim/);
  assert.match(text, /l2tp rx .* ICCN /);
});

test('match writes the lines that fit alone; size and files rotate', async (t) => {
  const { pair, directory, read } = await tracing(
    t,
    'file l2tp-east size 10k files 2 match "SCCRQ|StopCCN"; flag all;',
  );
  for (let n = 0; n < 3; n++) await session(pair, 'kim');
  await pair.until(() => /StopCCN/.test(read('l2tp-east')));
  for (const line of read('l2tp-east').split('\n').filter(Boolean)) assert.match(line, /SCCRQ|StopCCN/);
  await pair.change(traced('file l2tp-east size 10k files 2; flag all; debug-level packet-dump;'));
  for (let n = 0; n < 3; n++) await session(pair, 'kim');
  await pair.until(() => readdirSync(directory).includes('l2tp-east.0.gz'));
  assert.deepEqual(
    readdirSync(directory)
      .filter((name) => name !== 'l2tp-east')
      .sort(),
    ['l2tp-east.0.gz'],
  );
});

test('tshark opens the capture of a services interface; no password is in it, nor in any trace', async (t) => {
  const { pair, directory, read } = await tracing(
    t,
    'flag all; debug-level packet-dump; interfaces sp-1/2/0 { flag packet-dump; flag protocol; debug-level extensive; }',
    { client: 'shared-secret "test secret"; ppp-authentication pap;', group: 'hide-avps;' },
  );
  await session(pair, 'kim', { methods: ['pap'] });
  await pair.until(() => /StopCCN/.test(read()));
  await pair.close();
  const capture = join(directory, 'sp-1-2-0.pcapng');
  for (const name of readdirSync(directory)) {
    const text = readFileSync(join(directory, name), 'latin1');
    assert.doesNotMatch(text, /geheim-kim|test secret/, name);
    // Nor as hexadecimal: "geheim".
    assert.doesNotMatch(text, /67 65 68 65 69 6d/, name);
  }
  const reader = new CaptureReader(readFileSync(capture));
  const count = [...reader].length;
  assert.equal(reader.problem, null);
  assert.ok(count > 20);
  if (!needs(t, 'tshark')) return;
  const port = pair.events.find(({ event }) => event === 'listening')!.fields.port;
  const fields = [
    '-T',
    'fields',
    '-e',
    'l2tp.avp.message_type',
    '-e',
    'ppp.protocol',
    '-e',
    'pap.peer_id',
    '-e',
    'pap.password',
  ];
  const rows = execFileSync('tshark', ['-r', capture, '-d', `udp.port==${port},l2tp`, ...fields], { encoding: 'utf8' })
    .split('\n')
    .filter(Boolean)
    .map((row) => row.split('\t'));
  assert.equal(rows.length, count);
  const messages = rows.map(([type]) => type).filter(Boolean);
  for (const type of ['1', '2', '3', '10', '11', '12'])
    assert.ok(messages.includes(type), `message ${type}: ${messages}`);
  const protocols = new Set(rows.map(([, protocol]) => protocol).filter(Boolean));
  for (const protocol of ['0xc021', '0xc023', '0x8021']) assert.ok(protocols.has(protocol), [...protocols].join());
  assert.ok(rows.some(([, , name, password]) => name === 'kim' && /^\*+$/.test(password!)));
});

test('debug-level extensive captures the packets of clients too; the path copies none once it is off', async (t) => {
  const dumping = (level: string): string => `interfaces sp-1/2/0 { flag packet-dump; debug-level ${level}; }`;
  const { pair, directory } = await tracing(t, dumping('error'));
  const lac = await pair.dial({ user: 'kim', password: 'geheim-kim', tunnels: 2 });
  assert.equal((await lac.settled(8000)).sessionsUp, 2);
  const capture = (): number[] => {
    const reader = new CaptureReader(readFileSync(join(directory, 'sp-1-2-0.pcapng')));
    const decoder = new Decoder({ ports: [pair.gateway('127.0.0.1').port] });
    const found = [...reader].map((frame) => decoder.take(frame)?.ppp?.protocol ?? 0);
    assert.equal(reader.problem, null);
    return found.filter((protocol) => protocol === 0x21);
  };
  const tapped = (): number => [0, 1].reduce((sum, shard) => sum + pair.lns.plane.counters(shard).totals.tapped!, 0);
  await pair.traffic(lac, 500, 100);
  assert.equal(tapped(), 0);
  await pair.change(traced(`file l2tpd size 1m files 2; ${dumping('extensive')}`));
  const before = lac.traffic;
  const after = await pair.traffic(lac, 500, 200);
  const [sent, received] = [after.sent - before.sent, after.received - before.received];
  assert.ok(sent > 20);
  assert.equal(tapped(), sent + received);
  await pair.until(() => capture().length === sent + received);
  await pair.change(traced(''));
  await pair.traffic(lac, 500, 100);
  assert.equal(tapped(), sent + received);
  assert.equal(lac.traffic.received, lac.traffic.sent);
});

test('RADIUS packets are traced in words; what is hidden on the wire stays hidden', async (t) => {
  const access = 'radius-server 127.0.0.1 { port 1; secret "geheim-radius"; timeout 1; retry 1; }';
  const users = 'authentication-order radius;';
  const directory = join(folder(t), 'log');
  const text = configuration({ users, access, client: 'shared-secret "test secret"; ppp-authentication pap;' }).replace(
    'services { l2tp {',
    'services { l2tp { traceoptions { flag protocol; filter { protocol radius; } debug-level detail; }',
  );
  const pair = await Pair.start(text, { logDirectory: directory });
  t.after(() => pair.close());
  const lac = await pair.dial({ user: 'kim', password: 'geheim-kim', methods: ['pap'] });
  const read = (): string => {
    try {
      return readFileSync(join(directory, 'l2tpd'), 'utf8');
    } catch {
      return '';
    }
  };
  await pair.until(() => read().includes('Access-Request'));
  await lac.stop();
  assert.match(read(), /^\w{3} .* radius tx 127\.0\.0\.1:1 {2}Access-Request id \d+ length \d+$/m);
  assert.match(read(), /^ {10}User-Name: "kim"$/m);
  assert.match(read(), /^ {10}User-Password: \(hidden\)$/m);
  assert.doesNotMatch(read(), /geheim|l2tp|LCP/);
});

test('a trace of a services interface is of that interface alone', async (t) => {
  const { pair, directory, read } = await tracing(t, 'interfaces sp-0/1/0 { flag all; debug-level extensive; }');
  await session(pair, 'kim');
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(read(), '');
  assert.ok(!readdirSync(directory).includes('sp-1-2-0.pcapng'));
});

test('traceoptions of the interface itself trace that interface', async (t) => {
  const directory = join(folder(t), 'log');
  const text = configuration({ users: USERS }).replace('sp-1/2/0 {\n', 'sp-1/2/0 { traceoptions { flag all; }\n');
  assert.match(text, /traceoptions/);
  const pair = await Pair.start(text, { logDirectory: directory });
  t.after(() => pair.close());
  await session(pair, 'kim');
  await pair.lns.stop();
  const reader = new CaptureReader(readFileSync(join(directory, 'sp-1-2-0.pcapng')));
  assert.ok([...reader].length > 20);
});

test('host local goes to the file messages', async (t) => {
  const directory = join(folder(t), 'log');
  const text = configuration({ group: 'syslog { host local { services notice; log-prefix EAST; } }', users: USERS });
  const pair = await Pair.start(text, { logDirectory: directory });
  t.after(() => pair.close());
  await pair.change(text);
  await pair.lns.stop();
  const lines = readFileSync(join(directory, 'messages'), 'utf8').trim().split('\n');
  assert.match(lines[0]!, /^\w{3} [ \d]\d \d\d:\d\d:\d\d lns-test l2tpd\[\d+\]: EAST L2TPD_READY: /);
  assert.ok(lines.some((line) => line.includes('L2TPD_CONFIGURATION_CHANGED')));
  assert.ok(lines.every((line) => !line.includes('LISTENING')));
});

test('a change that leaves traceoptions alone leaves the file open', () => {
  const text = traced('flag all; interfaces sp-1/2/0 { flag all; }');
  assert.deepEqual(resolved(text).trace, resolved(text.replace('lns-test', 'lns-other')).trace);
});
