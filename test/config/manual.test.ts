import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { statementsManual } from '../../scripts/statements.ts';
import { ROOT, type Statement } from '../../src/config/schema.ts';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

test('docs/statements.md is what scripts/statements.ts writes from the declarations', () => {
  assert.equal(read('../../docs/statements.md'), statementsManual());
});
test('docs/junos.md leads to it', () => {
  assert.ok(read('../../docs/junos.md').includes('(statements.md)'));
});

/** Every statement of section 1.1's grammar, as paths of keywords. */
const GRAMMAR = `tunnel-group hello-interval, tunnel-group hide-avps, tunnel-group l2tp-access-profile,
  tunnel-group local-gateway address, tunnel-group maximum-send-window, tunnel-group ppp-access-profile,
  tunnel-group receive-window, tunnel-group retransmit-interval, tunnel-group service-interface,
  tunnel-group syslog host services, tunnel-group syslog host facility-override, tunnel-group syslog host log-prefix,
  tunnel-group tunnel-timeout, traceoptions debug-level, traceoptions filter protocol,
  traceoptions filter user-name, traceoptions flag, traceoptions interfaces debug-level, traceoptions interfaces flag`;
test('1.1: each statement of the grammar is declared, with a description and an effect of its own or of its block', () => {
  for (const path of GRAMMAR.split(/,\s*/)) {
    let statements: readonly Statement[] = ROOT;
    let effect: string | undefined;
    for (const keyword of ['services', 'l2tp', ...path.split(' ')]) {
      const found = statements.find((one) => one.keyword === keyword);
      assert.ok(found, `${path}: ${keyword}`);
      assert.notEqual(found.status, 'opaque', path);
      assert.ok(found.description.length > 0, path);
      effect = found.effect ?? effect;
      statements = found.children ?? [];
    }
    assert.ok(effect, path);
  }
});
