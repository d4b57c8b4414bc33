// npm run -s captures -- FILE.pcap…: decodes each and compares with FILE.expected.json beside it; NAME.inner.pcap is what
// Linux made of the fragments of NAME.pcap: the path must make the same of them.
import { compareCapture } from '../decode/compare.ts';
import { compareInner } from './inner.ts';

let passed = 0;
let failed = 0;
const files = process.argv.slice(2);
if (files.length === 0) {
  console.error('usage: npm run -s captures -- FILE.pcap…');
  process.exit(2);
}
for (const file of files) {
  try {
    const { passed: good, failures } = file.endsWith('.inner.pcap') ? compareInner(file) : compareCapture(file);
    passed += good;
    failed += failures.length;
    for (const failure of failures) console.log(`${file}: ${failure}`);
  } catch (error) {
    failed++;
    console.log(`${file}: ${(error as Error).message}`);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
