import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import dgram from 'node:dgram';
import { type TestContext, test } from 'node:test';
import { SystemError } from '../../src/errors.ts';
import { type Ffi, MSG_DONTWAIT, openFfi } from '../../src/io/ffi.ts';
import { LANES, SPREAD_FROM } from '../../src/io/steering.ts';
import { Ticker } from '../../src/io/ticker.ts';
import { Tun } from '../../src/io/tun.ts';
import { DatagramSender, openSocketGroup, openUdpSocket } from '../../src/io/udp.ts';
import {
  decodeSockaddr,
  encodeSockaddr,
  formatAddress,
  parseAddress,
  parseIpv4,
  parseIpv6,
} from '../../src/wire/address.ts';
import { needs } from '../support/needs.ts';

const ffiOf = (t: TestContext): Ffi | null => (needs(t, 'ffi') ? openFfi() : null);
function drain(ffi: Ffi, fd: number): number[] {
  const buffer: Uint8Array = new Uint8Array(2048);
  const lengths: number[] = [];
  for (;;) {
    const octets = ffi.recv(fd, ffi.addressOf(buffer), buffer.length, MSG_DONTWAIT);
    if (octets < 0) return lengths;
    lengths.push(octets);
  }
}

test('addresses: text and sockaddr agree, over IPv4 and IPv6', () => {
  for (const text of [
    '192.0.2.1',
    '0.0.0.0',
    '255.255.255.255',
    '2001:db8::1',
    '::',
    '::1',
    'fe80::1:2:3',
    '2001:db8:0:1::',
  ])
    assert.equal(formatAddress(parseAddress(text)), text);
  for (const text of ['1.2.3', '1.2.3.4.5', '256.1.1.1', '01.2.3.4', '1..2.3', '', 'a.b.c.d'])
    assert.equal(parseIpv4(text), null);
  for (const text of [':::', '1:2', '1:2:3:4:5:6:7:8:9', 'g::', '1::2::3']) assert.equal(parseIpv6(text), null);
  for (const peer of [
    { address: '192.0.2.1', port: 1701 },
    { address: '2001:db8::7', port: 65535 },
  ])
    assert.deepEqual(decodeSockaddr(encodeSockaddr(peer)), peer);
});

test('the kernel steers by the header: control and runts to socket 0, data and PPP control apart by Tunnel ID, or by Session ID', async (t) => {
  const ffi = ffiOf(t);
  if (ffi === null) return;
  for (const address of ['127.0.0.1', '::1']) {
    const shards = 4;
    const group = openSocketGroup(ffi, { address, port: 0 }, shards);
    t.after(() => group.close());
    const sender = new DatagramSender(ffi);
    const from = openUdpSocket(ffi, { address, port: 0 });
    t.after(() => ffi.close(from.fd));
    const wanted = new Array<number>(LANES * shards + 1).fill(0);
    const send = (octets: number[], socket: number): void => {
      assert.ok(sender.send(from.fd, new Uint8Array(octets), { address, port: group.port }));
      wanted[socket]!++;
    };
    for (let tunnel = 1; tunnel <= 12; tunnel++) {
      send([0x00, 2, 0, tunnel, 0, 1, 0, 0], 1 + (tunnel % shards));
      send([0x40, 2, 0, 10, 0, tunnel, 0, 1, 0, 0], 1 + (tunnel % shards));
      send([0x4a, 2, 0, 18, 0, tunnel, 0, 1, 0, 0, 0, 0, 0, 0], 1 + (tunnel % shards));
      send([0xc8, 2, 0, 12, 0, tunnel, 0, 0, 0, 0, 0, 0], 0);
      // LCP, IPCP and CHAP behind every header; IPv4, multilink and compressed protocol fields are data.
      for (const [protocol, ppp] of [
        [[0xff, 0x03, 0xc0, 0x21], true],
        [[0xc0, 0x21], true],
        [[0x80, 0x21], true],
        [[0xff, 0x03, 0xc2, 0x23], true],
        [[0xff, 0x03, 0x00, 0x21], false],
        [[0x00, 0x21], false],
        [[0x21, 0x45], false],
        [[0xff, 0x03, 0x21, 0x45], false],
        [[0xff, 0x03, 0x00, 0x3d], false],
        [[0x3d, 0xc0], false],
      ] as const) {
        const socket = 1 + (tunnel % shards) + (ppp ? shards : 0);
        send([0x00, 2, 0, tunnel, 0, 1, ...protocol], socket);
        send([0x40, 2, 0, 12, 0, tunnel, 0, 1, ...protocol], socket);
        send([0x08, 2, 0, tunnel, 0, 1, 0, 0, 0, 0, ...protocol], socket);
        send([0x4a, 2, 0, 18, 0, tunnel, 0, 1, 0, 0, 0, 0, 0, 0, ...protocol], 1 + (tunnel % shards)); // offset
        send([0x48, 2, 0, 18, 0, tunnel, 0, 1, 0, 0, 0, 0, ...protocol], socket);
      }
      send([0x00, 2, 0, tunnel, 0, 1], 0); // no PPP frame
    }
    // Tunnels whose sessions are spread: by Session ID, to sockets that never get merged runs.
    for (const [high, low] of [
      [SPREAD_FROM >>> 8, SPREAD_FROM & 0xff],
      [0xff, 0xff],
    ] as const)
      for (let session = 1; session <= 9; session++) {
        const shard = session % shards;
        send([0x00, 2, high, low, 0, session, 0, 0x21], 1 + 2 * shards + shard);
        send([0x40, 2, 0, 12, high, low, 0, session, 0xff, 0x03, 0, 0x21], 1 + 2 * shards + shard);
        send([0x4a, 2, 0, 18, high, low, 0, session, 0, 0, 0, 0, 0, 0, 0xc0, 0x21], 1 + 2 * shards + shard); // offset
        send([0x00, 2, high, low, 0, session, 0xc0, 0x21], 1 + shards + shard);
        send([0x48, 2, 0, 18, high, low, 0, session, 0, 0, 0, 0, 0xff, 0x03, 0x80, 0x21], 1 + shards + shard);
        send([0xc8, 2, 0, 12, high, low, 0, session, 0, 0, 0, 0], 0);
      }
    send([0x00, 2, 0xef, 0xff, 0, 2, 0, 0x21], 1 + (0xefff % shards));
    send([0x40], 0);
    send([], 0);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(
      group.fds.map((fd): number => drain(ffi, fd).length),
      wanted,
      address,
    );
    assert.ok(group.receiveBufferOctets >= 100_000);
  }
});

test('an address in use is said to be in use', async (t) => {
  const ffi = ffiOf(t);
  if (ffi === null) return;
  const other = dgram.createSocket('udp4');
  await new Promise<void>((resolve) => other.bind(0, '127.0.0.1', resolve));
  t.after(() => other.close());
  const port: number = other.address().port;
  assert.throws(
    () => openSocketGroup(ffi, { address: '127.0.0.1', port }, 1),
    (error: unknown) =>
      error instanceof SystemError && error.errorName === 'EADDRINUSE' && /another process listens/.test(error.message),
  );
  assert.throws(() => openSocketGroup(ffi, { address: '192.0.2.77', port: 0 }, 1), /no interface of this machine/);
});

test('a TUN device comes up with its addresses and routes in bulk, and goes away without a trace', (t) => {
  if (!needs(t, 'root', 'ffi', 'ip')) return;
  const ffi = openFfi()!;
  const tun = Tun.open(ffi, { name: 'lnstest%d', queues: 2, mtu: 1400, addresses: ['198.18.255.1'] });
  const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });
  try {
    assert.equal(tun.fds.length, 2);
    assert.match(ip('addr', 'show', 'dev', tun.name), /mtu 1400 [\s\S]*inet 198\.18\.255\.1\/32/);
    const prefixes = Array.from({ length: 10_000 }, (_, i) => ({ address: `198.18.${i >> 8}.${i & 255}`, length: 32 }));
    assert.deepEqual(tun.addRoutes(prefixes), []);
    assert.deepEqual(tun.addRoutes(prefixes.slice(0, 10)), []); // again: replaced
    assert.equal(ip('route', 'show', 'dev', tun.name).trim().split('\n').length, 10_000);
    assert.deepEqual(tun.deleteRoutes(prefixes), []);
    assert.deepEqual(tun.deleteRoutes(prefixes.slice(0, 10)), []); // gone already: no error
    assert.equal(ip('route', 'show', 'dev', tun.name).trim(), '');
    // One that is refused is said, and the others are there.
    const refused = tun.addRoutes([
      { address: '198.18.1.1', length: 32 },
      { address: '198.18.0.1', length: 24 },
      { address: '198.18.1.3', length: 32 },
    ]);
    assert.deepEqual(
      refused.map(({ prefix, error }) => [prefix.address, error.errorName]),
      [['198.18.0.1', 'EINVAL']],
    );
    assert.match(ip('route', 'show', 'dev', tun.name), /^198\.18\.1\.1 [^\n]*\n198\.18\.1\.3 [^\n]*\n$/);
  } finally {
    tun.close();
  }
  assert.doesNotMatch(ip('-br', 'link'), new RegExp(tun.name));
});

test('what a device cannot be named is said', (t) => {
  const ffi = ffiOf(t);
  if (ffi === null) return;
  assert.throws(
    () => Tun.open(ffi, { name: 'a-name-that-is-too-long', queues: 1, mtu: 1500, addresses: [] }),
    /1 to 15 characters/,
  );
});

test('the ticker calls back at the nearest deadline, also when a nearer one comes', async () => {
  let deadline = performance.now() + 500;
  const calls: number[] = [];
  const ticker = new Ticker(
    () => deadline,
    (now) => {
      calls.push(now);
      deadline = Number.POSITIVE_INFINITY;
    },
  );
  ticker.arm();
  const near = performance.now() + 30;
  deadline = near;
  ticker.arm();
  await new Promise((resolve) => setTimeout(resolve, 120));
  assert.equal(calls.length, 1);
  assert.ok(calls[0]! >= near - 1);
  ticker.stop();
});
