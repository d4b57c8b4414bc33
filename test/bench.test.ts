import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { needs } from './support/needs.ts';

for (const name of [
  'codec',
  'path',
  'worker',
  'io',
  'xdp',
  'whole',
  'multilink',
  'switch',
  'config',
  'login',
  'setup',
  'memory',
  'bundles',
  'scale',
  'peers',
  'iperf',
  'verify',
])
  test(`bench ${name} runs at its smoke size and prints a JSON line a result`, (t) => {
    if ((name === 'io' || name === 'xdp') && !needs(t, 'root', 'ip')) return;
    if (name === 'peers' && !needs(t, 'root', 'ip', 'l2tpns', 'taskset')) return;
    if (name === 'iperf' && !needs(t, 'root', 'ip', 'iperf3', 'taskset')) return;
    if (name === 'verify' && !needs(t, 'root', 'ip', 'ffi')) return;
    const file = fileURLToPath(new URL(`../bench/${name}.ts`, import.meta.url));
    const { status, stdout, stderr } = spawnSync(process.execPath, [file, '--smoke'], { encoding: 'utf8' });
    assert.equal(status, 0, `${stderr}${stdout}`);
    const lines = stdout.trim().split('\n');
    for (const line of lines) {
      const result = JSON.parse(line);
      assert.equal(result.bench, name);
      assert.ok((result.ns?.median ?? result.ratio ?? result.microseconds?.p50 ?? result.ms?.median) > 0);
      assert.ok(result.machine.length > 0 && result.node.startsWith('v'));
    }
  });
