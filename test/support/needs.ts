import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'node:test';
import { openFfi } from '../../src/io/ffi.ts';

const present: Record<string, () => boolean> = {
  root: () => process.getuid?.() === 0,
  // System calls: Linux, and the koffi module.
  ffi: () => openFfi() !== null,
  'user-mode-linux': () => existsSync('/usr/bin/linux.uml'),
};
function onPath(program: string): boolean {
  return [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'].some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * What a test cannot do without: 'root', 'ffi', or a program. Where something is missing the test is skipped and says so;
 * with LNS_REQUIRE_INTEROP=1 (CI) it fails.
 */
export function needs(t: TestContext, ...what: string[]): boolean {
  const missing = what.filter((one) => !(present[one]?.() ?? onPath(one)));
  if (missing.length === 0) return true;
  skip(t, `needs ${missing.join(', ')}`);
  return false;
}
/** Skips a test for `reason`; with LNS_REQUIRE_INTEROP=1 it fails. */
export function skip(t: TestContext, reason: string): void {
  if (process.env.LNS_REQUIRE_INTEROP === '1') throw new Error(`${reason}, and LNS_REQUIRE_INTEROP=1 forbids a skip`);
  t.skip(reason);
}
