// npm run bench [-- NAME …] [--smoke]: every bench in turn, one JSON line a result.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** An option, or the number that one is given. */
const isFlag = (word: string): boolean => /^(--|\d)/.test(word);
const flags = process.argv.slice(2).filter(isFlag);
const named = process.argv.slice(2).filter((word) => !isFlag(word));
const benches =
  named.length > 0
    ? named
    : [
        'codec',
        'path',
        'worker',
        'io',
        'xdp',
        'multilink',
        'switch',
        'config',
        'whole',
        'login',
        'setup',
        'memory',
        'strangers',
        'bundles',
        'scale',
      ];
for (const name of benches) {
  const file = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
  const { status } = spawnSync(process.execPath, [file, ...flags], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
