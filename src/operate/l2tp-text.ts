import { type Element, Fields } from './element.ts';
import { abbreviate, printable } from './format.ts';

// How the L2TP replies read as text. Labels and the order of fields are Junos'; lists are taken lazily.

/** Name and value pairs on one line: `Name: value, Name: value`. */
const pairs = (indent: string, ...fields: (readonly [label: string, value: string])[]): string =>
  indent + fields.map(([label, value]) => `${label}: ${value}`).join(', ');

function counterBlock(fields: Fields, indent: string, kinds: readonly ('control' | 'data' | 'error')[]): string[] {
  // Behind a bundle there is data alone, and no column for what it is.
  const label =
    kinds.length === 1
      ? { control: '', data: 'Data', error: '' }
      : { control: 'Control', data: 'Data   ', error: 'Errors ' };
  const width = kinds.length === 1 ? 8 : 11;
  const lines = [
    pairs(indent, ['Statistics since', fields.text('l2tp-statistics-since')]),
    `${indent}${' '.repeat(width)}${'Packets'.padStart(8)}${'Bytes'.padStart(9)}`,
  ];
  for (const kind of kinds)
    for (const [way, name] of [
      ['tx', 'Tx'],
      ['rx', 'Rx'],
    ] as const) {
      const packets = abbreviate(fields.number(`l2tp-${kind}-${way}-packets`)).padStart(8);
      const octets = kind === 'error' ? '' : abbreviate(fields.number(`l2tp-${kind}-${way}-bytes`)).padStart(9);
      lines.push(`${indent}${`${label[kind]} ${name}`.padEnd(width)}${packets}${octets}`);
    }
  return lines;
}
const ALL = ['control', 'data', 'error'] as const;

/** Children of a container by name, one after the other: lists stay lazy. */
function* each(element: Element, name: string): Generator<Element> {
  for (const child of element.children ?? []) if (child.name === name) yield child;
}
const or = (text: string, otherwise: string): string => (text === '' ? otherwise : text);
/** Names come from peers. */
const name = (fields: Fields, tag: string): string => printable(fields.text(tag));

export function* summaryText(reply: Iterable<Element>): Generator<string> {
  for (const information of reply)
    for (const table of each(information, 'l2tp-summary-table')) {
      const fields = new Fields(table);
      const one = fields.has('l2tp-interface-name');
      const prefix = one ? 'l2tp-interface' : 'l2tp';
      if (one) yield pairs('', ['Interface', fields.text('l2tp-interface-name')]);
      yield pairs('', ['Tunnels', fields.text('l2tp-tunnels')], ['Sessions', fields.text('l2tp-sessions')]);
      yield `${' '.repeat(10)}${'Tx packets'.padStart(14)}${'Rx packets'.padStart(16)}${one ? '' : '  Memory (bytes)'}`;
      for (const [label, kind] of [
        ['Control', 'control'],
        ['Data', 'data'],
        ['Errors', 'error'],
      ] as const) {
        const tx = abbreviate(fields.number(`${prefix}-${kind}-tx-packets`)).padStart(14);
        const rx = abbreviate(fields.number(`${prefix}-${kind}-rx-packets`)).padStart(16);
        const memory = one ? '' : fields.text(`l2tp-${kind}-memory-bytes`).padStart(16);
        yield `${label.padEnd(10)}${tx}${rx}${memory}`.trimEnd();
      }
    }
}

export function* tunnelText(reply: Iterable<Element>): Generator<string> {
  for (const information of reply) {
    const level = information.attributes!['junos:style']!;
    for (const table of each(information, 'l2tp-per-tunnel-group-tunnel-table')) {
      const head = new Fields(table);
      yield pairs('', ['Interface', head.text('interface-name')], ['Tunnel group', head.text('tunnel-group-name')]);
      if (level === 'brief') yield '  Local ID  Remote ID  Remote IP              Sessions  State';
      for (const entry of each(head.get('l2tp-tunnel-table')!, 'l2tp-tunnel-entry'))
        yield* tunnelLines(new Fields(entry), level);
    }
  }
}
function tunnelLines(fields: Fields, level: string): string[] {
  const local = fields.text('l2tp-tunnel-local-id');
  const remote = fields.text('l2tp-tunnel-remote-id');
  const remoteIp = fields.text('l2tp-tunnel-remote-ip');
  const count = fields.text('l2tp-tunnel-session-count');
  const state = fields.text('l2tp-tunnel-state');
  if (level === 'brief')
    return [`${local.padStart(10)}${remote.padStart(11)}  ${remoteIp.padEnd(21)}${count.padStart(10)}  ${state}`];
  const lines = [pairs('  ', ['Tunnel local ID', local], ['Remote ID', remote])];
  const sessions = pairs('    ', ['Sessions', count], ['State', state]);
  // A tunnel that is being set up has neither times nor counters yet.
  const counts = fields.has('l2tp-statistics-since') ? counterBlock(fields, '    ', ALL) : [];
  if (level === 'statistics') return [...lines, sessions, ...counts];
  const localIp = fields.text('l2tp-tunnel-local-ip');
  const names = pairs(
    '    ',
    ['Local name', name(fields, 'l2tp-tunnel-local-name')],
    ['Remote name', name(fields, 'l2tp-tunnel-remote-name')],
  );
  if (level === 'detail')
    return [...lines, pairs('    ', ['Local IP', localIp], ['Remote IP', remoteIp]), sessions, names];
  const maximum = fields.number('l2tp-tunnel-maximum-sessions');
  return [
    ...lines,
    pairs('    ', ['Remote IP', remoteIp]),
    sessions,
    pairs('    ', ['Local IP', localIp]),
    names,
    pairs(
      '    ',
      ['Max sessions', maximum === 0 ? 'Unlimited' : String(maximum)],
      ['Window size', fields.text('l2tp-tunnel-window-size')],
      ['Hello interval', fields.text('l2tp-tunnel-hello-interval')],
    ),
    ...(fields.has('l2tp-create-time') ? timeLines(fields) : []),
    ...counts,
  ];
}
const timeLines = (fields: Fields): string[] => [
  pairs('    ', ['Create time', fields.text('l2tp-create-time')], ['Up time', fields.text('l2tp-up-time')]),
  pairs('    ', ['Idle time', fields.text('l2tp-idle-time')]),
];

export function* sessionText(reply: Iterable<Element>): Generator<string> {
  for (const information of reply) {
    const level = information.attributes!['junos:style']!;
    for (const table of each(information, 'l2tp-per-tunnel-session-table')) {
      const head = new Fields(table);
      yield pairs(
        '',
        ['Interface', head.text('interface-name')],
        ['Tunnel group', head.text('tunnel-group-name')],
        ['Tunnel local ID', head.text('l2tp-tunnel-local-id')],
      );
      if (level === 'brief') {
        yield '  Local  Remote  Interface  State           Bundle  Username';
        yield '  ID     ID      unit';
      }
      for (const entry of each(head.get('l2tp-session-table')!, 'l2tp-session-entry'))
        yield* sessionLines(new Fields(entry), level, '  ');
    }
  }
}
export function sessionLines(fields: Fields, level: string, indent: string): string[] {
  const local = fields.text('l2tp-session-local-id');
  const remote = fields.text('l2tp-session-remote-id');
  const state = fields.text('l2tp-session-state');
  const user = name(fields, 'l2tp-session-user-name');
  const unit = fields.text('l2tp-session-interface-unit');
  const bundle = fields.text('l2tp-session-bundle-id');
  if (level === 'brief')
    return [
      `${local.padStart(7)}${remote.padStart(8)}${unit.padStart(11)}  ${state.padEnd(14)}${bundle.padStart(8)}  ${user}`.trimEnd(),
    ];
  const inner = `${indent}  `;
  const mode = fields.text('l2tp-session-mode');
  const head = pairs(indent, ['Session local ID', local], ['Session remote ID', remote]);
  const ips = [
    ['Local IP', fields.text('l2tp-session-local-ip')],
    ['Remote IP', fields.text('l2tp-session-remote-ip')],
  ] as const;
  const names = pairs(
    inner,
    ['Local name', name(fields, 'l2tp-session-local-name')],
    ['Remote name', name(fields, 'l2tp-session-remote-name')],
  );
  if (level !== 'extensive') {
    const lines = [
      head,
      pairs(inner, ['Interface unit', or(unit, 'none')]),
      pairs(inner, ['State', state], ['Username', user]),
      level === 'detail' ? pairs(inner, ['Mode', mode], ...ips) : pairs(inner, ['Mode', mode]),
    ];
    return level === 'detail' ? [...lines, names] : [...lines, ...counterBlock(fields, inner, ALL)];
  }
  const get = (tag: string): string => fields.text(`l2tp-session-${tag}`);
  return [
    head,
    pairs(inner, ['State', state], ['Bundle ID', or(bundle, 'none')], ['Username', user]),
    pairs(inner, ['Mode', mode], ...ips),
    pairs(inner, ['Assigned IP', or(get('peer-ip'), 'none')], ['Own IP', or(get('own-ip'), 'none')]),
    names,
    pairs(
      inner,
      ['Local MRU', get('local-mru')],
      ['Remote MRU', get('remote-mru')],
      ['Tx speed', get('tx-speed')],
      ['Rx speed', get('rx-speed')],
    ),
    pairs(inner, ['Bearer type', get('bearer-type')], ['Framing type', get('framing-type')]),
    pairs(
      inner,
      ['LCP renegotiation', get('lcp-renegotiation')],
      ['Authentication', get('authentication')],
      ['Interface ID', or(get('interface-id'), 'none')],
    ),
    pairs(inner, ['Interface unit', or(unit, 'none')]),
    pairs(inner, ['Call serial number', get('call-serial-number')]),
    pairs(inner, ['Policer bandwidth', get('policer-bandwidth')], ['Policer burst size', get('policer-burstsize')]),
    pairs(
      inner,
      ['Policer exclude bandwidth', get('policer-exclude-bandwidth')],
      ['Firewall filter', printable(get('firewall-filter'))],
    ),
    pairs(
      inner,
      ['Session encapsulation overhead', get('encapsulation-overhead')],
      ['Session cell overhead', get('cell-overhead')],
    ),
    pairs(inner, ['Create time', fields.text('l2tp-create-time')], ['Up time', fields.text('l2tp-up-time')]),
    pairs(inner, ['Idle time', fields.text('l2tp-idle-time')]),
    // Ours: no router shows them here.
    ...(get('framed-routes') === '' ? [] : [pairs(inner, ['Framed routes', get('framed-routes')])]),
    ...counterBlock(fields, inner, ALL),
  ];
}

export function* multilinkText(reply: Iterable<Element>): Generator<string> {
  for (const information of reply) {
    const level = information.attributes!['junos:style']!;
    let first = true;
    for (const entry of each(information, 'l2tp-multilink-entry')) {
      const fields = new Fields(entry);
      if (level === 'brief') {
        if (first) yield 'Bundle ID  Links  Bundle endpoint';
        first = false;
        yield `${fields.text('l2tp-multilink-bundle-id').padStart(9)}${fields.text('l2tp-multilink-bundle-num-links').padStart(7)}  ${name(fields, 'l2tp-multilink-bundle-endpoint')}`;
        continue;
      }
      const get = (tag: string): string => fields.text(`l2tp-multilink-bundle-${tag}`);
      yield pairs(
        '',
        ['Bundle ID', get('id')],
        ['Links', get('num-links')],
        ['Bundle endpoint', name(fields, 'l2tp-multilink-bundle-endpoint')],
      );
      if (level !== 'statistics')
        yield pairs('  ', ['Input MRRU', get('mrru-input')], ['Output MRRU', get('mrru-output')]);
      if (level !== 'detail') yield* counterBlock(fields, '  ', ['data']);
      if (level === 'extensive') {
        yield pairs(
          '  ',
          ['Drop timeout', get('droptime')],
          ['Fragment threshold', get('maxfrag')],
          ['Minimum link MRU', get('minmru')],
        );
        yield pairs(
          '  ',
          ['Output packets', get('tx-packets')],
          ['Transmitted fragments', get('tx-frags')],
          ['Next transmit sequence', get('txseq')],
        );
        yield pairs(
          '  ',
          ['Reassembled packets', get('rx-packets')],
          ['Input fragments', get('rx-frags')],
          ['Next sequence', get('rxseq')],
        );
        yield pairs(
          '  ',
          ['Largest sequence difference', get('rx-maxdiff')],
          ['Discarded fragments', get('rx-discarded')],
          ['Waiting fragments', get('rx-queued')],
        );
        for (const link of each(entry, 'l2tp-multilink-bundle-links')) {
          const of = new Fields(link);
          yield pairs(
            '  ',
            ['Link', of.text('l2tp-multilink-bundle-link-number')],
            ['Last sequence received', or(of.text('l2tp-multilink-bundle-link-ml-seq'), 'none')],
            ['MRU', of.text('l2tp-multilink-bundle-link-ml-mru')],
          );
        }
      }
      for (const member of each(entry, 'l2tp-multilink-links'))
        for (const session of each(member, 'l2tp-session-entry')) yield* sessionLines(new Fields(session), level, '  ');
    }
  }
}

/** One block an address: who carries its traffic and since when, then who would take over, in that order. */
export function* redundancyText(reply: Iterable<Element>): Generator<string> {
  for (const information of reply)
    for (const entry of each(information, 'l2tp-redundancy-entry')) {
      const fields = new Fields(entry);
      yield pairs(
        '',
        ['Address', fields.text('l2tp-redundancy-address')],
        ['Members', fields.text('l2tp-redundancy-member-count')],
      );
      yield '  Role     Tunnel  Session  Bundle  Since                     Username';
      for (const member of each(entry, 'l2tp-redundancy-member')) {
        const of = new Fields(member);
        const since = or(of.text('l2tp-redundancy-active-since'), of.text('l2tp-redundancy-up-since'));
        yield `  ${of.text('l2tp-redundancy-role').padEnd(7)}${of.text('l2tp-tunnel-local-id').padStart(8)}${of.text('l2tp-session-local-id').padStart(9)}${of.text('l2tp-multilink-bundle-id').padStart(8)}  ${since.padEnd(24)}  ${name(of, 'l2tp-session-user-name')}`.trimEnd();
      }
    }
}

/** `Session 28114 closed`, `Tunnel 10442 statistics cleared`: one line an entry. */
export function* clearedText(reply: Iterable<Element>): Generator<string> {
  for (const information of reply)
    for (const entry of information.children ?? [])
      for (const what of entry.children ?? [])
        for (const id of what.children ?? []) {
          const thing = id.name.startsWith('l2tp-tunnel')
            ? 'Tunnel'
            : id.name.startsWith('l2tp-session')
              ? 'Session'
              : 'Bundle';
          yield `${thing} ${id.value} ${what.name === 'clear' ? 'closed' : 'statistics cleared'}`;
        }
}
