import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runFile } from './files.ts';

const least: Record<string, number> = {
  avp_hiding: 278,
  tunnel_auth: 90,
  chap_md5: 90,
  mschapv2: 61,
  ctrl_seq: 336,
  junos9: 97,
  radius: 172,
  multilink: 190,
  malformed: 306,
};
for (const [name, cases] of Object.entries(least))
  test(`every vector of ${name} holds`, async () => {
    const { passed, failures } = await runFile(fileURLToPath(new URL(`${name}.json`, import.meta.url)));
    assert.deepEqual(failures, []);
    assert.ok(passed >= cases, `${passed} of ${cases}`);
  });
