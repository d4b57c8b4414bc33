import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { WasmCrypto } from '../dataplane/crypto.ts';
import { type DecodeOptions, Decoder } from '../decode/decode.ts';
import { formatFrame, formatJson } from '../decode/format.ts';
import { CaptureReader } from '../decode/pcap.ts';
import { safeJson } from '../decode/text.ts';
import { readInput } from './input.ts';

export interface DecodeCommandOptions {
  json?: boolean;
  /** Also LNS_SECRET in the environment. */
  secret?: string;
  /** UDP port of L2TP, besides 1701. */
  port?: number;
  multilink?: 'auto' | 'short' | 'long';
  passwords?: boolean;
}

/**
 * `lns decode`: prints the L2TP and PPP frames of a capture. What a damaged file still holds is printed; then a line
 * on standard error tells what is wrong, and the exit status is 1.
 */
export async function decodeFile(path: string, options: DecodeCommandOptions): Promise<void> {
  const file = readInput(path);
  const reader = new CaptureReader(file);
  const decoder = new Decoder(decodeOptions(options));
  const seen = { frames: 0 };
  const lines =
    options.json === true ? jsonLines(basename(path), file, reader, decoder, seen) : textLines(reader, decoder, seen);
  try {
    await pipeline(Readable.from(lines), process.stdout, { end: false });
  } catch (error) {
    // The reader of a pipe has seen enough.
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
    return;
  }
  if (decoder.incomplete > 0) console.error(`lns: ${decoder.incomplete} datagrams lack some of their IP fragments`);
  if (reader.problem === null) {
    if (seen.frames === 0) console.error(`lns: ${path}: no L2TP is in it (--port: on another UDP port than 1701)`);
    return;
  }
  console.error(`lns: ${path}: ${reader.problem}`);
  process.exitCode = 1;
}

function decodeOptions({
  secret = process.env.LNS_SECRET,
  port,
  multilink,
  passwords,
}: DecodeCommandOptions): DecodeOptions {
  return {
    ...(port === undefined ? {} : { ports: [port] }),
    ...(secret === undefined ? {} : { secret: Buffer.from(secret, 'utf8'), crypto: new WasmCrypto() }),
    ...(multilink === undefined ? {} : { multilink }),
    ...(passwords === undefined ? {} : { passwords }),
  };
}

function* textLines(reader: CaptureReader, decoder: Decoder, seen: { frames: number }): Generator<string> {
  let startNs: bigint | null = null;
  for (const captured of reader) {
    startNs ??= captured.timeNs;
    const frame = decoder.take(captured);
    if (frame === null) continue;
    seen.frames++;
    yield `${formatFrame(frame, startNs)}\n`;
  }
}

/** One document, one line a frame. */
function* jsonLines(
  name: string,
  file: Uint8Array,
  reader: CaptureReader,
  decoder: Decoder,
  seen: { frames: number },
): Generator<string> {
  const sha256 = createHash('sha256').update(file).digest('hex');
  yield `{\n "capture": ${safeJson(name)},\n "sha256": "${sha256}",\n "frames": [`;
  for (const captured of reader) {
    const frame = decoder.take(captured);
    if (frame !== null) yield `${seen.frames++ === 0 ? '\n  ' : ',\n  '}${formatJson(frame)}`;
  }
  yield `\n ],\n "frames_l2tp_or_ppp": ${seen.frames},\n "problem": ${safeJson(reader.problem)}\n}\n`;
}
