// Reads the constants that assembly/layout exports back out of the compiled module and writes them as
// TypeScript literals, so that the two sides of the Wasm boundary cannot drift.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const wasm = new URL('../build/lns.wasm', import.meta.url);
const out = new URL('../src/generated/layout.ts', import.meta.url);
const module = new WebAssembly.Module(readFileSync(wasm));
const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
const { exports } = new WebAssembly.Instance(module, { env: { memory } });

const lines: string[] = [];
for (const [name, value] of Object.entries(exports).sort(([a], [b]) => (a < b ? -1 : 1))) {
  if (typeof value === 'function') continue;
  else if (value instanceof WebAssembly.Global && /^[A-Z][A-Z0-9_]*$/.test(name)) {
    const content: unknown = value.value;
    if (typeof content === 'bigint') lines.push(`export const ${name} = ${content}n;`);
    else if (typeof content === 'number') lines.push(`export const ${name} = ${content >>> 0};`);
  }
}
mkdirSync(new URL('.', out), { recursive: true });
writeFileSync(
  out,
  `// Written by scripts/generate-layout.ts from the compiled module. Do not edit.\n${lines.join('\n')}\n`,
);
