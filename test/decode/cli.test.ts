import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const MAIN = path('../../src/cli/main.ts');
const HIDDEN = path('../captures/py-lac-hidden-xl2tpd.pcap');
const PAP = path('../captures/xl2tpd-pap-fail.pcap');

let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'lns-decode-'));
});
after(() => rmSync(folder, { recursive: true }));

function decode(args: string[], environment: NodeJS.ProcessEnv = {}) {
  const env = { ...process.env, ...environment };
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'decode', ...args], { encoding: 'utf8', env });
  return { status, stdout, stderr };
}

test('lns decode prints one line a frame, with the AVPs below', () => {
  const { status, stdout, stderr } = decode([HIDDEN]);
  assert.deepEqual([status, stderr], [0, '']);
  const lines = stdout.trimEnd().split('\n');
  assert.equal(lines.filter((line) => /^ +\d+ +\d+\.\d{6} {2}127\.0\.0\.\d:1701 > /.test(line)).length, 15);
  assert.match(lines[0]!, /^ {5}1 {5}0\.000000 .* {2}SCCRQ {2}tunnel 0 session 0 Ns 0 Nr 0 length 122$/);
  assert.ok(
    lines.includes('          MH Assigned Session ID: hidden, 13 octets') || stdout.includes('Session ID: hidden'),
  );
});

test('lns decode --secret, or LNS_SECRET, shows hidden AVPs in clear', () => {
  for (const { stdout } of [decode([HIDDEN, '--secret', 'hide-Me-9']), decode([HIDDEN], { LNS_SECRET: 'hide-Me-9' })]) {
    assert.match(stdout, /MH Assigned Session ID: 77\n/);
    assert.match(stdout, /MH Called Number: "5551234"\n/);
    assert.match(stdout, /-H Proxy Authen Response: \(not shown\)\n/);
  }
});

test('lns decode --json is one document with the frames of the expected file', () => {
  const { status, stdout } = decode([HIDDEN, '--json', '--secret', 'hide-Me-9']);
  assert.equal(status, 0);
  const document = JSON.parse(stdout);
  const expected = JSON.parse(readFileSync(HIDDEN.replace('.pcap', '.expected.json'), 'utf8'));
  for (const field of ['capture', 'sha256', 'frames_l2tp_or_ppp']) assert.equal(document[field], expected[field]);
  assert.equal(document.problem, null);
  for (const [i, frame] of expected.frames.entries())
    for (const field of Object.keys(frame).filter((name) => name !== 'avps'))
      assert.deepEqual(document.frames[i][field], frame[field], `${field} of frame ${frame.frame}`);
  assert.equal(document.frames[3].avps[2].clear, '004d');
});

test('lns decode never prints a password', () => {
  for (const args of [[PAP], [PAP, '--json']]) {
    const { stdout } = decode(args);
    assert.match(stdout, /alice/);
    assert.doesNotMatch(stdout, /wrong|wonderland/);
  }
});

test('lns decode prints what a damaged file holds, then what is wrong; exit status 1', () => {
  const cut = join(folder, 'cut.pcap');
  writeFileSync(cut, readFileSync(HIDDEN).subarray(0, 500));
  const { status, stdout, stderr } = decode([cut]);
  assert.equal(status, 1);
  assert.match(stdout, /SCCRQ/);
  assert.match(stderr, /^lns: .*cut\.pcap: frame 3 claims \d+ octets, \d+ are left\n$/);
  const json = decode([cut, '--json']);
  assert.equal(json.status, 1);
  assert.equal(JSON.parse(json.stdout).frames.length, 2);
  assert.match(JSON.parse(json.stdout).problem, /^frame 3 claims/);
});

test('lns decode of a file that is no capture, or is not there, is one clear line', () => {
  const none = join(folder, 'none.pcap');
  writeFileSync(none, 'no capture');
  assert.deepEqual(decode([none]), {
    status: 1,
    stdout: '',
    stderr: `lns: ${none}: not a capture file (neither pcap nor pcapng)\n`,
  });
  const missing = decode([join(folder, 'missing.pcap')]);
  assert.equal(missing.status, 1);
  assert.match(missing.stderr, /^lns: .*missing\.pcap.*\n$/);
});

test('bad arguments: one line, exit status 2', () => {
  for (const args of [[], [PAP, '--port', '70000'], [PAP, '--nonsense']]) {
    const { status, stdout, stderr } = decode(args);
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, /^[^\n]+\n$/);
  }
});
