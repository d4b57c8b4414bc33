// Routes of clients and of the networks behind them, on a real device.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { openFfi } from '../../src/io/ffi.ts';
import { Tun } from '../../src/io/tun.ts';
import { HostRoutes } from '../../src/server/routes.ts';
import { parseIpv4 } from '../../src/wire/address.ts';
import { needs } from '../support/needs.ts';

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));

test('a route that the kernel refuses is said, and takes no other along: neither when they come nor when they go', async (t) => {
  if (!needs(t, 'root', 'ffi', 'ip')) return;
  const tun = Tun.open(openFfi()!, { name: 'lnstest%d', queues: 1, mtu: 1400, addresses: ['198.18.255.1'] });
  t.after(() => tun.close());
  const said: string[] = [];
  const routes = new HostRoutes(tun, [], (_level, event, fields) => said.push(`${event} ${fields?.reason}`));
  const present = (): string[] =>
    execFileSync('ip', ['route', 'show', 'dev', tun.name], { encoding: 'utf8' })
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split(' ')[0]!)
      .sort();
  const framed = (address: string, length: number) => ({ address: parseIpv4(address)!, length, metric: 1 });
  const networks = [framed('198.18.8.0', 24), framed('198.18.9.1', 24), framed('198.18.10.0', 24)];
  const hosts = ['198.18.7.1', '198.18.7.2'].map((text) => parseIpv4(text)!);
  for (const network of networks) routes.changeFramed(network, 1);
  for (const host of hosts) routes.change(host, 1);
  await settled();
  assert.deepEqual(present(), ['198.18.10.0/24', '198.18.7.1', '198.18.7.2', '198.18.8.0/24']);
  assert.equal(said.length, 1);
  assert.match(said[0]!, /^route route 198\.18\.9\.1\/24: .*EINVAL/);
  // A route that somebody else took away goes without a word; the others go, too.
  execFileSync('ip', ['route', 'del', '198.18.8.0/24', 'dev', tun.name]);
  for (const network of networks) routes.changeFramed(network, -1);
  for (const host of hosts) routes.change(host, -1);
  await settled();
  assert.deepEqual(present(), []);
  assert.equal(said.length, 1, said.join());
});
