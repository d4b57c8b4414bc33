import assert from 'node:assert/strict';
import { test } from 'node:test';
import { echoAnswer, echoRequest, internetChecksum, KernelEcho } from '../../src/io/echo.ts';
import { openFfi } from '../../src/io/ffi.ts';
import { needs } from '../support/needs.ts';

test('RFC 792: an Echo Request sums to zero, its answer is told by address, identifier and sequence', () => {
  const request = echoRequest(0x1234, 7, 5);
  assert.equal(internetChecksum(request), 0);
  const packet = new Uint8Array(20 + request.length);
  packet.set([0x45, 0, 0, packet.length, 0, 0, 0, 0, 61, 1, 0, 0, 192, 0, 2, 9, 192, 0, 2, 1]);
  packet.set(request, 20);
  packet[20] = 0;
  const from = 0xc0000209;
  assert.equal(echoAnswer(packet, from, 0x1234, 7), 61);
  assert.equal(echoAnswer(packet, from + 1, 0x1234, 7), null);
  assert.equal(echoAnswer(packet, from, 0x1235, 7), null);
  assert.equal(echoAnswer(packet, from, 0x1234, 8), null);
  assert.equal(echoAnswer(packet.subarray(0, 24), from, 0x1234, 7), null);
});

test('the kernel carries it there and back; what nobody answers is null after its time', async (t) => {
  if (!needs(t, 'root', 'ffi')) return;
  const echo = new KernelEcho(openFfi()!);
  const answer = await echo.echo('127.0.0.1', 3, 56, 1000);
  assert.ok(answer !== null && answer.ms < 1000);
  assert.equal(answer.ttl, 64);
  await assert.rejects(echo.echo('not-an-address', 0, 0, 10), /no IPv4 address/);
});
