// Compares our decode of a capture with its expected file, frame by frame, on the fields that tshark's reading holds.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { Decoder } from '../../src/decode/decode.ts';
import { type FrameJson, frameToJson } from '../../src/decode/format.ts';
import { CaptureReader } from '../../src/decode/pcap.ts';

export interface Comparison {
  /** Frames on which both agree. */
  passed: number;
  /** One line a frame on which they do not, and for a file that is not the one described. */
  failures: string[];
}

interface Expected {
  sha256: string;
  /** The header by which the other decoder read multilink fragments. */
  mp_header: 'short' | 'long';
  frames: FrameJson[];
}

const FIELDS = ['T', 'L', 'S', 'O', 'P', 'version', 'length', 'tunnel', 'session', 'Ns', 'Nr', 'offset'] as const;
const MORE_FIELDS = ['message_type', 'ppp_protocol', 'udp_payload_sha256_8'] as const;
const AVP_FIELDS = ['vendor', 'type', 'M', 'H', 'length', 'value'] as const;
const MP_FIELDS = ['B', 'E', 'seq', 'payload_length'] as const;

type Fields = Readonly<Record<string, unknown>>;
const pick = (from: Fields, names: readonly string[]): Fields =>
  Object.fromEntries(names.filter((name) => from[name] !== undefined).map((name) => [name, from[name]]));

/** What is compared of a frame: a field that only one side has is a difference. */
function comparable(frame: FrameJson): Fields {
  const out: Record<string, unknown> = pick(frame, [...FIELDS, ...MORE_FIELDS]);
  if (frame.avps !== undefined) out.avps = (frame.avps as Fields[]).map((avp) => pick(avp, AVP_FIELDS));
  if (frame.mp !== undefined) out.mp = pick(frame.mp as Fields, MP_FIELDS);
  return out;
}

function differences(expected: Fields, ours: Fields): string {
  return [...new Set([...Object.keys(expected), ...Object.keys(ours)])]
    .filter((name) => !isDeepStrictEqual(expected[name], ours[name]))
    .map((name) => `${name}: expected ${JSON.stringify(expected[name])}, decoded ${JSON.stringify(ours[name])}`)
    .join('; ');
}

/**
 * @param pcap path of the capture; NAME.expected.json is beside it
 * @param multilink `expected`: read multilink headers as the expected file says it did; `auto`: as the capture negotiates
 * @throws where a file cannot be read
 */
export function compareCapture(pcap: string, multilink: 'expected' | 'auto' = 'expected'): Comparison {
  const file = readFileSync(pcap);
  const expected = JSON.parse(readFileSync(pcap.replace(/\.pcap(ng)?$/, '.expected.json'), 'utf8')) as Expected;
  const failures: string[] = [];
  if (createHash('sha256').update(file).digest('hex') !== expected.sha256)
    failures.push('the file is not the one that the expected file describes');
  // Passwords are in the expected values, so they are shown here.
  const decoder = new Decoder({ passwords: true, multilink: multilink === 'auto' ? 'auto' : expected.mp_header });
  const ours = new Map<number, FrameJson>();
  for (const captured of new CaptureReader(file)) {
    const frame = decoder.take(captured);
    if (frame !== null) ours.set(frame.number, frameToJson(frame));
  }
  let passed = 0;
  for (const frame of expected.frames) {
    const decoded = ours.get(frame.frame);
    ours.delete(frame.frame);
    const found = decoded === undefined ? 'not decoded' : differences(comparable(frame), comparable(decoded));
    if (found === '') passed++;
    else failures.push(`frame ${frame.frame}: ${found}`);
  }
  for (const number of ours.keys()) failures.push(`frame ${number}: decoded, but not expected`);
  return { passed, failures };
}
