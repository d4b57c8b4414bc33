// Wireshark's decoder as judge of every kind of packet that the server and the emulator send.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { udpPacket } from '../../src/decode/network.ts';
import { LINK_RAW_IP, pcapHeader, pcapRecord } from '../../src/decode/pcap.ts';
import { desk } from '../operate/desk.ts';
import { configuration, Pair } from '../server/pair.ts';
import { wholeLife } from '../support/life.ts';
import { needs } from '../support/needs.ts';

test('tshark finds nothing malformed in what server and emulator send, and every kind of message is there', async (t) => {
  if (!needs(t, 'root', 'tshark', 'tcpdump')) return;
  const folder = mkdtempSync(join(tmpdir(), 'lns-tshark-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const capture = join(folder, 'run.pcap');
  const pair = await Pair.start(
    configuration({ group: 'hello-interval 1;', client: 'shared-secret "test secret"; ppp-authentication chap;' }),
  );
  const { port } = pair.lns.listening[0]!;
  const tcpdump = spawn(
    'tcpdump',
    // Frames cut to what ours have: its buffer has room for so many times more, should tcpdump have no turn for a while.
    [
      ...['-i', 'lo', '-w', capture, '-U', '--immediate-mode', '-Z', 'root', '-s', '4096', '-B', '16384'],
      ...['udp', 'port', String(port)],
    ],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  await new Promise<void>((resolve) =>
    tcpdump.stderr.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('listening')) resolve();
    }),
  );
  try {
    const lac = await pair.dial({ tunnels: 2, sessionsPerTunnel: 2, hideAvps: true });
    assert.equal((await lac.settled(5000)).sessionsUp, 4);
    await pair.traffic(lac, 200, 300);
    const numbered = await pair.dial({ hostName: 'numbered', sequencing: true });
    assert.equal((await numbered.settled(5000)).sessionsUp, 1);
    await pair.traffic(numbered, 100, 200);
    const handed = await pair.dial({ hostName: 'handed', proxy: ['chap-md5'] });
    assert.equal((await handed.settled(5000)).sessionsUp, 1);
    const rejected = await pair.dial({ hostName: 'odd' });
    await rejected.settled(5000);
    // IPV6CP, which the server rejects, and Terminate-Request, which it acknowledges.
    const row = rejected.plane.tables.sessionsHighest;
    rejected.plane.inject(row, new Uint8Array([0xff, 3, 0x80, 0x57, 1, 1, 0, 4]), false);
    rejected.plane.inject(row, new Uint8Array([0xff, 3, 0xc0, 0x21, 5, 9, 0, 4]), false);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const wrong = await pair.dial({ password: 'no' });
    await wrong.settled(5000);
    await new Promise((resolve) => setTimeout(resolve, 2500)); // HELLOs
    await desk(pair.lns).ask('clear services l2tp session user user');
    await pair.until(() => pair.lns.sessionsUp === 0);
  } finally {
    await pair.close();
  }
  await new Promise((resolve) => setTimeout(resolve, 300));
  tcpdump.kill('SIGINT');
  await new Promise((resolve) => tcpdump.on('exit', resolve));
  const tshark = (...args: string[]): string =>
    execFileSync('tshark', ['-r', capture, '-d', `udp.port==${port},l2tp`, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 64 << 20,
    });
  assert.equal(tshark('-Y', '_ws.malformed || _ws.short'), '', 'no frame is malformed');
  const frames = tshark('-Y', 'l2tp', '-T', 'fields', '-e', 'frame.number').trim().split('\n').length;
  assert.ok(frames > 200);
  const types = new Set(
    tshark('-Y', 'l2tp.avp.message_type', '-T', 'fields', '-e', 'l2tp.avp.message_type').split(/\s+|,/).filter(Boolean),
  );
  for (const [type, name] of [
    ['1', 'SCCRQ'],
    ['2', 'SCCRP'],
    ['3', 'SCCCN'],
    ['4', 'StopCCN'],
    ['6', 'HELLO'],
    ['10', 'ICRQ'],
    ['11', 'ICRP'],
    ['12', 'ICCN'],
    ['14', 'CDN'],
  ])
    assert.ok(types.has(type!), `${name} was sent`);
  const some = (filter: string): boolean => tshark('-Y', filter, '-c', '2000').trim() !== '';
  for (const filter of [
    'l2tp.type == 1 && l2tp.length == 12', // ZLB
    'l2tp.avp.hidden == 1',
    'l2tp.avp.initial_received_lcp_confreq && l2tp.avp.last_sent_lcp_confreq && l2tp.avp.last_received_lcp_confreq',
    'l2tp.avp.proxy_authen_type == 2 && l2tp.avp.proxy_authen_name && l2tp.avp.proxy_authen_challenge',
    'l2tp.avp.proxy_authen_id && l2tp.avp.proxy_authen_response',
    'l2tp.type == 0 && l2tp.seq_bit == 1',
    'lcp && ppp.code == 1',
    'lcp && ppp.code == 2',
    'lcp && ppp.code == 5',
    'lcp && ppp.code == 6',
    'lcp && ppp.code == 8',
    'chap.code == 1',
    'chap.code == 2',
    'chap.code == 3',
    'chap.code == 4',
    'ipcp && ppp.code == 1',
    'ipcp && ppp.code == 3',
    'l2tp && udp.port == 7',
  ])
    assert.ok(some(filter), filter);
  // Checksums of the inner packets; the outer ones are loopback's business.
  const checked = tshark(
    ...['-o', 'ip.check_checksum:TRUE', '-o', 'udp.check_checksum:TRUE', '-Y', 'l2tp && udp.port == 7', '-T', 'fields'],
    ...['-e', 'ip.checksum.status', '-e', 'udp.checksum.status'],
  );
  const inner = checked.trim().split('\n');
  assert.ok(inner.length > 50);
  for (const line of inner) {
    const [ip, udp] = line.split('\t').map((field) => field.split(',').at(-1));
    assert.deepEqual([ip, udp], ['1', '1'], 'Good');
  }
});

test('tshark reads every control message of a whole life, SLI and WEN among them, hidden and not', (t) => {
  if (!needs(t, 'tshark')) return;
  const folder = mkdtempSync(join(tmpdir(), 'lns-tshark-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const capture = join(folder, 'life.pcap');
  const addresses = { lac: { address: '192.0.2.1', port: 1701 }, lns: { address: '192.0.2.2', port: 1701 } };
  const life = wholeLife();
  const records = life.map(({ from, octets }, at) =>
    pcapRecord(udpPacket(addresses[from], addresses[from === 'lac' ? 'lns' : 'lac'], octets), BigInt(at) * 1000n),
  );
  writeFileSync(capture, Buffer.concat([pcapHeader(LINK_RAW_IP), ...records]));
  const tshark = (...args: string[]): string =>
    execFileSync('tshark', ['-r', capture, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  assert.equal(tshark('-Y', '_ws.malformed || _ws.short || l2tp.avp.length < 6'), '');
  const types = tshark('-T', 'fields', '-e', 'l2tp.avp.message_type').split('\n').slice(0, -1);
  assert.equal(types.length, life.length);
  for (const type of ['', '1', '2', '3', '4', '6', '10', '11', '12', '14', '15', '16'])
    assert.ok(types.includes(type), `message type ${type}`);
});
