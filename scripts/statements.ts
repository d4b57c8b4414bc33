// Writes docs/statements.md from the declarations of src/config/schema: `node scripts/statements.ts`.
import { writeFileSync } from 'node:fs';
import {
  OTHER_INTERFACE,
  REDUNDANT_INTERFACE,
  ROOT,
  SERVICE_INTERFACE,
  type Statement,
  type ValueType,
} from '../src/config/schema.ts';

const EFFECTS: Record<NonNullable<Statement['effect']>, string> = {
  'new-tunnels': 'new tunnels',
  'new-sessions': 'new sessions',
  'ends-sessions': 'ends sessions',
  'at-once': 'at once',
  restart: 'next start',
};
const size = (octets: number): string =>
  octets >= 1024 ** 3 ? `${octets / 1024 ** 3}g` : octets >= 1024 ** 2 ? `${octets / 1024 ** 2}m` : `${octets / 1024}k`;
/** A type in the words of the manual. */
function typeText(type: ValueType | undefined): string {
  switch (type?.type) {
    case undefined:
      return '';
    case 'uint':
    case 'int':
      return `${type.min}..${type.max}`;
    case 'text':
      return `1..${type.max} characters`;
    case 'size':
      return `${size(type.min)}..${size(type.max)}`;
    case 'rate':
      return `${type.min}..${type.max}, or with k, m, g`;
    case 'regex':
      return 'regular expression';
    case 'secret':
      return `secret, 1..${type.max} characters`;
    case 'ipv4':
      return 'IPv4 address';
    case 'address':
      return 'IPv4 or IPv6 address';
    case 'prefix4':
      return 'IPv4 prefix';
    case 'prefix6':
      return 'IPv6 prefix';
    case 'enum':
      return type.values.map((value) => `\`${value}\``).join(', ');
  }
}
const cell = (text: string): string => text.replaceAll('|', '\\|');

function rows(statements: readonly Statement[], path: string, later: boolean): string[] {
  return statements.flatMap((one) => {
    const here = `${path} ${one.keyword}`.trim();
    const understood = later || one.status === 'later';
    const status = one.status === 'opaque' ? 'left alone' : understood ? 'understood' : 'honoured';
    const type = one.kind === 'values' ? `list of ${typeText(one.value)}` : typeText(one.value ?? one.key);
    const notes = [
      one.description,
      one.unit === undefined ? '' : `in ${one.unit}`,
      one.mandatory === true ? 'needed' : '',
      one.since === undefined ? '' : one.since === 'ours' ? 'no router has it' : `since ${one.since}`,
      ...(one.checks ?? []).map((check) => `checked: *${check}*`),
    ].filter((note) => note !== '');
    const effect = one.effect === undefined ? '' : EFFECTS[one.effect];
    const row = `| \`${here}\` | ${type} | ${one.default ?? ''} | ${effect} | ${status} | ${cell(notes.join('; '))} |`;
    return [row, ...rows(one.children ?? [], here, understood)];
  });
}
const HEAD = [
  '| statement | value | default | a change takes effect | status | what it is |',
  '| --- | --- | --- | --- | --- | --- |',
];
const top = (keyword: string): Statement => ROOT.find((one) => one.keyword === keyword)!;

/** The manual of statements. */
export function statementsManual(): string {
  const section = (title: string, statements: readonly Statement[], text: string[] = []): string[] => [
    `## \`${title}\``,
    '',
    ...text.flatMap((line) => [line, '']),
    ...HEAD,
    ...rows(statements, '', false),
    '',
  ];
  const l2tp = top('services').children!.find((one) => one.keyword === 'l2tp')!;
  const others = ROOT.filter((one) => one.status === 'opaque').map((one) => `\`${one.keyword}\``);
  return [
    '<!-- Written by scripts/statements.ts from the declarations in src/config/schema. Do not edit. -->',
    '',
    '# Statements',
    '',
    'Parser, checks, completion, every display format and this table come from one declaration a statement.',
    '**honoured**: acted on. **understood**: parsed and checked, not acted on by this version; a warning names it.',
    '**left alone**: another part of a router; kept as it is written.',
    '',
    'A change takes effect for **new tunnels** or **new sessions** only, **ends sessions** that use it, or works **at',
    'once** without touching any session; **next start**: of the server.',
    '',
    ...section('[edit services l2tp]', l2tp.children!),
    ...section('[edit access]', top('access').children!),
    ...section('[edit interfaces sp-F/P/0]', SERVICE_INTERFACE.children!),
    ...section(
      '[edit interfaces rspN]',
      REDUNDANT_INTERFACE.children!.filter((one) => one.keyword !== 'unit'),
      ['`unit` is as under `sp-F/P/0`.'],
    ),
    ...section('[edit interfaces NAME]', OTHER_INTERFACE.children!, ['Any other interface.']),
    ...section('[edit system]', top('system').children!, [
      'Other statements of `system` are kept as they are written.',
    ]),
    ...section('[edit chassis]', top('chassis').children!, [
      'Other statements of `chassis` are kept as they are written.',
    ]),
    ...section('[edit firewall]', top('firewall').children!, [
      'What a Filter-Id stands for. Other statements of `firewall` are kept as they are written.',
    ]),
    '## The rest',
    '',
    `\`version\` is kept. \`groups\`, \`apply-groups\` and \`apply-groups-except\` work at every level. Left alone are`,
    `${others.join(', ')}.`,
    '',
  ].join('\n');
}

if (import.meta.main) writeFileSync(new URL('../docs/statements.md', import.meta.url), statementsManual());
