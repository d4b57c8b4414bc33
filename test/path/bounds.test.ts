// Linear memory has no walls: an over-read would go unseen. Here each datagram ends at the last octet of the memory, so
// that one octet further traps; and what it leaves behind in the tables is compared.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { compilePath, instantiatePath } from '../../src/dataplane/module.ts';
import { formatMemory, planMemory } from '../../src/dataplane/plan.ts';
import { Tables } from '../../src/dataplane/tables.ts';
import * as layout from '../../src/generated/layout.ts';
import { SeededRandom } from '../../src/wire/random.ts';
import { data, hex, ipv4, mapped, pppIp, sockaddr } from '../support/path.ts';

class Edge {
  readonly plan = planMemory({
    tunnels: 8,
    sessions: 8,
    addresses: 8,
    shards: 1,
    controlRingOctets: 65536,
    accessRingOctets: 0,
    coreRingOctets: 0,
    ports: true,
    traffic: false,
  });
  // One page more than planned: the datagrams' own.
  readonly memory = new WebAssembly.Memory({
    initial: this.plan.pages + 1,
    maximum: this.plan.pages + 1,
    shared: true,
  });
  readonly octets = new Uint8Array(this.memory.buffer);
  readonly view = new DataView(this.memory.buffer);
  readonly wasm = instantiatePath(compilePath(), this.memory);
  readonly #list = this.plan.parts[layout.PART_SCRATCH]!.offset;
  readonly #name = this.#list + 64;

  constructor() {
    formatMemory(this.memory, this.plan);
    this.wasm.attach(0n, 0);
    this.wasm.coreBackEnd(layout.CORE_TUN);
    this.wasm.puntOptions(0xffffffff);
    const tables = new Tables(this.wasm, this.memory, this.plan);
    const peer = sockaddr(192, 0, 2, 1, 1701);
    const tunnelRow = tables.addTunnel({
      localId: 0x1234,
      peerId: 0x5678,
      role: 'lns',
      peer,
      socketGroup: 0,
      routingInstance: 0,
      ownerShard: 0,
    });
    const row = tables.addSession({ tunnelRow, localId: 0x0101, peerId: 0x0202, sequencing: false });
    tables.sessionUp(
      row,
      { address: mapped(100, 64, 0, 9), localAddress: hex('644000fe'), peerMru: 1500, acfc: false, pfc: false },
      1,
    );
    tables.setEcho(row, 0x11111111);
    this.octets.set(peer, this.#name);
  }
  /** A datagram that ends where the memory does. @throws WebAssembly.RuntimeError where it is read past */
  take(datagram: Uint8Array): void {
    const at = this.octets.length - datagram.length;
    this.octets.set(datagram, at);
    this.view.setUint32(this.#list, at, true);
    this.view.setUint32(this.#list + 4, datagram.length, true);
    this.wasm.transmitReset();
    assert.equal(this.wasm.upstreamList(this.#list, 0, 1, this.#name, 0), 1);
    // The ring of punted frames is emptied by hand.
    const ring = this.plan.parts[layout.PART_RING_PUNT]!.offset;
    this.view.setUint32(ring + layout.RING_HEAD, this.view.getUint32(ring + layout.RING_TAIL, true), true);
  }
  /** Everything durable but what a datagram may change: counters, sequence state, times, frames waiting. */
  hash(): string {
    const part = (number: number): Uint8Array => {
      const { offset, count, stride } = this.plan.parts[number]!;
      return this.octets.slice(offset, offset + count * stride);
    };
    const sessions = part(layout.PART_SESSIONS);
    const tunnels = part(layout.PART_TUNNELS);
    for (let row = 0; row * layout.SESSION_ROW_SIZE < sessions.length; row++) {
      const at = row * layout.SESSION_ROW_SIZE;
      for (const [field, octets] of [
        [layout.SESSION_FLAGS, 4],
        [layout.SESSION_RX_NS, 4],
        [layout.SESSION_TX_NS, 4],
        [layout.SESSION_PUNT_PENDING, 4],
      ] as const)
        sessions.fill(0, at + field, at + field + octets);
    }
    for (let row = 0; row * layout.TUNNEL_ROW_SIZE < tunnels.length; row++)
      tunnels.fill(
        0,
        row * layout.TUNNEL_ROW_SIZE + layout.TUNNEL_LAST_HEARD,
        row * layout.TUNNEL_ROW_SIZE + layout.TUNNEL_LAST_HEARD + 4,
      );
    const hash = createHash('sha256').update(tunnels).update(sessions);
    for (const number of [
      layout.PART_TUNNEL_INDEX,
      layout.PART_SESSION_INDEX,
      layout.PART_ADDRESSES,
      layout.PART_STACK,
    ])
      hash.update(part(number));
    return hash.digest('hex');
  }
}

test('a load past the end of the memory traps, so that the cases below mean something', () => {
  const edge = new Edge();
  assert.throws(() => edge.wasm.upstreamList(edge.octets.length - 4, 0, 1, 0, 0), WebAssembly.RuntimeError);
});

test('no malformed message of the vectors is read past its end, and none changes a table', () => {
  const { cases } = JSON.parse(readFileSync(new URL('../vectors/malformed.json', import.meta.url), 'utf8'));
  const edge = new Edge();
  const before = edge.hash();
  for (const one of cases) {
    const octets = hex(one.hex);
    edge.take(one.layer.startsWith('l2tp') ? octets : data(octets));
    assert.equal(edge.hash(), before, one.id);
  }
});

test('every prefix of valid datagrams, and 20,000 damaged ones, stay within their octets', () => {
  const edge = new Edge();
  const before = edge.hash();
  const packet = ipv4([100, 64, 0, 9], [203, 0, 113, 1], new Uint8Array(40));
  const valid = [
    data(pppIp(packet), { length: true, ns: 1, offset: 3 }),
    data(pppIp(packet, { acfc: true, pfc: true })),
    data(hex('ff03c0210907001022222222aabbccdd00112233'), { length: true }),
    data(hex('c0210101000e010405dc0506aabbccdd')),
    hex('c802001412340000000200018008000000000006'),
  ];
  for (const datagram of valid)
    for (let length = 0; length <= datagram.length; length++) edge.take(datagram.subarray(0, length));
  const random = new SeededRandom(20261124);
  for (let n = 0; n < 20_000; n++) {
    const datagram = valid[random.u32() % valid.length]!.slice();
    for (let changes = 1 + (random.u32() % 3); changes > 0; changes--)
      datagram[random.u32() % Math.min(datagram.length, 36)] = random.u32() & 255;
    edge.take(datagram);
  }
  assert.equal(edge.hash(), before);
});
