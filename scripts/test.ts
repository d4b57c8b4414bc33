// npm test: format, lint and types first, then every test. Node's runner has the last word.
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';

const run = (command: string, args: string[]): number =>
  spawnSync(command, args, { stdio: 'inherit', env: process.env }).status ?? 1;

const only = process.argv.slice(2);
if (only.length === 0 && run('npm', ['run', '-s', 'check']) !== 0) process.exit(1);
const files = (only.length > 0 ? only : globSync('test/**/*.test.ts')).sort();
process.exit(
  run(process.execPath, ['--test', '--test-concurrency=2', '--test-reporter=spec', '--test-timeout=300000', ...files]),
);
