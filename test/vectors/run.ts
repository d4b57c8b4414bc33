// npm run -s vectors -- FILE.json…: runs vector files against the product; malformed.json against a live server.
import { runFile } from './files.ts';

const files = process.argv.slice(2);
if (files.length === 0) {
  console.error('usage: npm run -s vectors -- FILE.json…');
  process.exit(2);
}
let passed = 0;
let failed = 0;
let notSupported = 0;
for (const file of files) {
  try {
    const outcome = await runFile(file);
    passed += outcome.passed;
    failed += outcome.failures.length;
    notSupported += outcome.notSupported;
    for (const failure of outcome.failures) console.log(`${file}: ${failure}`);
    if (outcome.notSupported > 0)
      console.log(`${file}: ${outcome.notSupported} cases are not supported by this version`);
  } catch (error) {
    failed++;
    console.log(`${file}: ${(error as Error).message}`);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : notSupported > 0 ? 3 : 0);
