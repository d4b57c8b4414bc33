// Compiles the C twin of the path (`cc -O2`) and loads it into this process, over a memory of the Wasm path's.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as layout from '../../src/generated/layout.ts';

export interface Twin {
  /** `memory`: its address in the process; `pointers`: what addresses for the kernel count from. @returns 0, or 1 where the memory has no header */
  attach(memory: number, pointers: number, shard: number): number;
  time(milliseconds: number, microseconds: number): void;
  mss(octets: number): void;
  segmentation(on: number): void;
  /** Packets of the list, in batches, several times. @returns those handled */
  upList(list: number, packets: number, batch: number, rounds: number, name: number): number;
  downList(list: number, packets: number, batch: number, rounds: number): number;
  messages(): number;
  outs(): number;
  /** The shard's loop in a thread of its own, until the memory's stop word is set. Gives the packets that the kernel did not take. */
  loop(udp: number, tun: number, gro: boolean): Promise<number>;
  /** Address of a view's first octet. */
  addressOf(view: Uint8Array): number;
  readonly compiler: string;
}
/** The reason under which the twin counts what it does not do. */
export const ELSEWHERE = 63;

interface Native {
  (...words: number[]): number;
  async(...words: unknown[]): void;
}
let made: Twin | string | undefined;
/** @returns the twin, or why there is none */
export function openTwin(): Twin | string {
  made ??= make();
  return made;
}
function make(): Twin | string {
  const version = spawnSync('cc', ['--version'], { encoding: 'utf8' });
  if (version.status !== 0) return 'no C compiler (cc) here';
  const folder = mkdtempSync(join(tmpdir(), 'lns-c-'));
  try {
    writeFileSync(
      join(folder, 'layout.h'),
      Object.entries(layout)
        .map(
          ([name, value]) =>
            `#define ${name} ${BigInt.asUintN(64, BigInt(value))}${typeof value === 'bigint' ? 'ull' : 'u'}\n`,
        )
        .join(''),
    );
    const source = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
    const built = spawnSync(
      'cc',
      [
        ...['-O2', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-fvisibility=hidden', '-I', folder],
        ...['-I', source('.'), '-o', join(folder, 'twin.so'), source('path.c'), source('io.c')],
      ],
      { encoding: 'utf8' },
    );
    if (built.status !== 0) throw new Error(`cc failed:\n${built.stderr}`);
    const koffi = createRequire(import.meta.url)('koffi') as {
      load(name: string): { func(name: string, returns: string, parameters: string[]): Native };
      address(view: unknown): bigint;
    };
    const library = koffi.load(join(folder, 'twin.so'));
    const u32s = (n: number): string[] => new Array<string>(n).fill('uint32_t');
    const loop = library.func('twin_loop', 'uint64_t', ['int', 'int', 'int']);
    return {
      attach: library.func('twin_attach', 'int', ['uint64_t', 'uint64_t', 'uint32_t']),
      time: library.func('twin_time', 'void', ['uint32_t', 'double']),
      mss: library.func('twin_mss', 'void', u32s(1)),
      segmentation: library.func('twin_segmentation', 'void', ['int']),
      upList: library.func('twin_up_list', 'uint32_t', u32s(5)),
      downList: library.func('twin_down_list', 'uint32_t', u32s(4)),
      messages: library.func('twin_messages', 'uint32_t', []),
      outs: library.func('twin_outs', 'uint32_t', []),
      loop: (udp, tun, gro) =>
        new Promise((resolve, reject) => {
          loop.async(udp, tun, gro ? 1 : 0, (error: Error | null, lost: number) =>
            error === null ? resolve(Number(lost)) : reject(error),
          );
        }),
      addressOf: (view) => Number(koffi.address(view)),
      compiler: version.stdout.split('\n')[0]!,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
