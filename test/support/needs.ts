import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'node:test';

const present: Record<string, () => boolean> = {
  root: () => process.getuid?.() === 0,
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
 * What a test cannot do without: 'root', or a program. Where something is missing the test is skipped and says so;
 * with LNS_REQUIRE_INTEROP=1 (CI) it fails.
 */
export function needs(t: TestContext, ...what: string[]): boolean {
  const missing = what.filter((one) => !(present[one]?.() ?? onPath(one)));
  if (missing.length === 0) return true;
  const reason = `needs ${missing.join(', ')}`;
  if (process.env.LNS_REQUIRE_INTEROP === '1') throw new Error(`${reason}, and LNS_REQUIRE_INTEROP=1 forbids a skip`);
  t.skip(reason);
  return false;
}
