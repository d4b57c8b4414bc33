import type { ServiceUnit } from '../../config/types.ts';
import { type FittedBoard, inventory } from '../../platform/platform.ts';
import type { Lns } from '../../server/lns.ts';
import { formatIpv4 } from '../../wire/address.ts';
import { type Element, Fields, leaf, leaves, node } from '../element.ts';
import { duration, isoTime } from '../format.ts';
import { type Command, numberValue, textValue } from '../grammar.ts';
import { elapsed, moment } from '../l2tp.ts';
import type { OperationalTarget } from '../types.ts';
import { CommandError } from './error.ts';

// Interfaces.

/** Services interfaces of the configuration, in order of their names. */
const serviceInterfaces = (lns: Lns): { name: string; units: readonly ServiceUnit[] }[] =>
  [...lns.config.interfaces.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
/** Sessions on each unit, by `interface.unit`. */
function sessionsByUnit(lns: Lns): Map<string, number> {
  const counts = new Map<string, number>();
  for (const tunnel of lns.tunnels.values())
    for (const call of tunnel.calls.values()) {
      const { unit, up } = call.networkEnd;
      if (unit === null || !up) continue;
      const name = `${tunnel.gateway.serviceInterface.split('.')[0]}.${unit.unit}`;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  return counts;
}
/** Does the PIC of an interface work? */
function linkOf({ pics, switchover }: OperationalTarget, name: string): 'up' | 'down' {
  const pair = switchover?.interfaces().find((one) => one.name === name);
  if (pair !== undefined) return pair.active === 'none' ? 'down' : 'up';
  return pics?.offline.has(name) === true ? 'down' : 'up';
}
function interfaceElements(target: OperationalTarget, style: string, wanted: string | undefined): Element {
  const { lns } = target;
  const counts = sessionsByUnit(lns);
  const [wantedName, wantedUnit] = (wanted ?? '').split('.');
  const picked = serviceInterfaces(lns).filter(({ name }) => wanted === undefined || name === wantedName);
  const physical: Element[] = [];
  for (const { name, units } of picked) {
    const chosen = wantedUnit === undefined ? units : units.filter(({ unit }) => String(unit) === wantedUnit);
    if (wantedUnit !== undefined && chosen.length === 0) continue;
    const link = linkOf(target, name);
    const children: Element[] = [leaf('name', name), leaf('admin-status', 'up'), leaf('oper-status', link)];
    if (style !== 'terse') children.push(leaf('if-type', 'Adaptive-Services'));
    for (const unit of chosen) {
      const unitName = `${name}.${unit.unit}`;
      const address = unit.address === null ? null : formatIpv4(unit.address);
      const logical: Element[] = [leaf('name', unitName)];
      if (style === 'terse') logical.push(leaf('admin-status', 'up'), leaf('oper-status', link));
      else if (unit.dialOptions !== null)
        logical.push(
          node('dial-options', [
            leaf('l2tp-interface-id', unit.dialOptions.interfaceId),
            leaf('mode', unit.dialOptions.mode),
            leaf('sessions', counts.get(unitName) ?? 0),
          ]),
        );
      logical.push(
        node('address-family', [
          leaf('address-family-name', 'inet'),
          ...(address === null ? [] : [node('interface-address', [leaf('ifa-local', address)])]),
        ]),
      );
      children.push(node('logical-interface', logical));
    }
    physical.push(node('physical-interface', children));
  }
  if (wanted !== undefined && physical.length === 0) throw new CommandError(`device ${wanted} not found`);
  return node('interface-information', physical, { 'junos:style': style });
}
function* terseText(reply: Iterable<Element>): Generator<string> {
  yield 'Interface               Admin Link Proto    Local                 Remote';
  const line = (name: string, admin: string, link: string, family: string, local: string): string =>
    `${name.padEnd(24)}${admin.padEnd(6)}${link.padEnd(5)}${family.padEnd(9)}${local}`.trimEnd();
  for (const information of reply)
    for (const physical of information.children ?? []) {
      const top = new Fields(physical);
      yield line(top.text('name'), top.text('admin-status'), top.text('oper-status'), '', '');
      for (const logical of physical.children ?? []) {
        if (logical.name !== 'logical-interface') continue;
        const fields = new Fields(logical);
        const family = new Fields(fields.get('address-family')!);
        const address = family.get('interface-address');
        const local = address === undefined ? '' : new Fields(address).text('ifa-local');
        yield line(
          fields.text('name'),
          fields.text('admin-status'),
          fields.text('oper-status'),
          family.text('address-family-name'),
          local,
        );
      }
    }
}
function* interfaceText(reply: Iterable<Element>): Generator<string> {
  for (const information of reply)
    for (const physical of information.children ?? []) {
      const top = new Fields(physical);
      yield `Physical interface: ${top.text('name')}, Enabled, Physical link is ${top.text('oper-status') === 'up' ? 'Up' : 'Down'}`;
      yield `  Type: ${top.text('if-type')}`;
      for (const logical of physical.children ?? []) {
        if (logical.name !== 'logical-interface') continue;
        const fields = new Fields(logical);
        yield '';
        yield `  Logical interface ${fields.text('name')}`;
        const dial = fields.get('dial-options');
        if (dial !== undefined) {
          const options = new Fields(dial);
          yield `    L2TP interface ID: ${options.text('l2tp-interface-id')}, Mode: ${options.text('mode')}, Sessions: ${options.text('sessions')}`;
        }
        const family = new Fields(fields.get('address-family')!);
        yield `    Protocol ${family.text('address-family-name')}`;
        const address = family.get('interface-address');
        if (address !== undefined) yield `      Local: ${new Fields(address).text('ifa-local')}`;
      }
    }
}
const INTERFACES = textValue('interface-name', function* (target: OperationalTarget) {
  for (const { name, units } of serviceInterfaces(target.lns)) {
    yield [name, 'Services interface'] as const;
    for (const unit of units) yield [`${name}.${unit.unit}`, unit.dialOptions?.interfaceId ?? ''] as const;
  }
});

// Chassis.

const HARDWARE_HEAD = 'Item             Version  Part number  Serial number     Description';
const MODELS_HEAD = 'Item             Version  Part number  Serial number     FRU model number';
/** How deep a board lies in the chassis. */
const MODULE_TAGS = ['chassis', 'chassis-module', 'chassis-sub-module'] as const;

function hardware({ lns, platform, pics }: OperationalTarget): FittedBoard {
  const fitted = new Set<string>();
  for (const { name, redundancy } of lns.config.interfaces.values())
    for (const one of redundancy === null ? [name] : [redundancy.primary, redundancy.secondary]) fitted.add(one);
  return inventory(platform, fitted, pics?.offline);
}
function boardElement(item: FittedBoard, depth: number, style: string): Element {
  const children: Element[] = leaves({
    name: item.name,
    version: item.version,
    'part-number': item.partNumber,
    'serial-number': item.serialNumber,
    ...(style === 'models' ? { 'model-number': item.model } : { description: item.description }),
    'assembly-identifier':
      style === 'extensive' && item.assemblyId !== null
        ? `0x${item.assemblyId.toString(16).padStart(4, '0')}`
        : undefined,
    'fru-model-number': style === 'extensive' ? item.model : undefined,
  });
  if (style === 'detail' || style === 'extensive')
    children.push(...item.details.map((text) => node('chassis-detail', [leaf('description', text)])));
  children.push(...item.parts.map((part) => boardElement(part, depth + 1, style)));
  return node(MODULE_TAGS[depth]!, children);
}
function* hardwareText(reply: Iterable<Element>): Generator<string> {
  const board = function* (element: Element, indent: string, models: boolean): Generator<string> {
    const fields = new Fields(element);
    const get = (tag: string): string => fields.text(tag);
    const last = get(models ? 'model-number' : 'description');
    // Boards without a model number are no spare parts.
    if (!models || last !== '')
      yield `${(indent + get('name')).padEnd(17)}${get('version').padEnd(9)}${get('part-number').padEnd(13)}${get('serial-number').padEnd(18)}${last}`.trimEnd();
    if (fields.has('assembly-identifier'))
      yield `${indent}  Assembly ID: ${get('assembly-identifier')}, FRU model number: ${get('fru-model-number')}`;
    for (const child of element.children ?? [])
      if (child.name === 'chassis-detail') yield `${indent}  ${new Fields(child).text('description')}`;
      else if (child.children !== undefined)
        yield* board(child, element.name === 'chassis' ? '' : `${indent}  `, models);
  };
  yield 'Hardware inventory:';
  for (const information of reply) {
    const models = information.attributes?.['junos:style'] === 'models';
    yield models ? MODELS_HEAD : HARDWARE_HEAD;
    for (const chassis of information.children ?? []) yield* board(chassis, '', models);
  }
}
const SLOT = numberValue('slot', 0, 7);

const REDUNDANT = textValue('interface-name', function* ({ switchover }: OperationalTarget) {
  for (const one of switchover?.interfaces() ?? []) yield [one.name, `${one.primary}, ${one.secondary}`] as const;
});
const redundancyRequest = (what: 'switchover' | 'revert', help: string): Command => ({
  words: `request interfaces ${what}`,
  help,
  privilege: 'control',
  needs: 'switchover',
  positional: { name: 'interface', help: 'Name of the redundant interface', value: REDUNDANT },
  run: (args, { target }) => {
    const refused = target.switchover!.request(what, args.get('interface')!);
    if (refused !== null) throw new CommandError(refused);
    return { output: ['request succeeded\n'] };
  },
});
const picRequest = (online: boolean): Command => ({
  words: `request chassis pic ${online ? 'online' : 'offline'}`,
  help: online ? 'Bring a PIC online' : 'Take a PIC offline',
  privilege: 'maintenance',
  needs: 'pics',
  options: [
    { keyword: 'fpc-slot', help: 'FPC that holds the PIC', value: SLOT },
    { keyword: 'pic-slot', help: 'Slot of the PIC', value: SLOT },
  ],
  run: (args, { target }) => {
    const fpc = args.get('fpc-slot');
    const pic = args.get('pic-slot');
    if (fpc === undefined || pic === undefined) throw new CommandError('fpc-slot and pic-slot are needed');
    const { ok, text } = target.pics!.set(Number(fpc), Number(pic), online);
    if (!ok) throw new CommandError(text);
    return { output: [`${text}\n`] };
  },
});

const fpcRequest = (what: 'offline' | 'online' | 'restart', help: string): Command => ({
  words: `request chassis fpc ${what}`,
  help,
  privilege: 'maintenance',
  needs: 'pics',
  options: [{ keyword: 'slot', help: 'FPC slot', value: SLOT }],
  run: (args, { target }) => {
    const slot = args.get('slot');
    if (slot === undefined) throw new CommandError('slot is needed');
    const { ok, text } = target.pics!.setFpc(Number(slot), what);
    if (!ok) throw new CommandError(text);
    return { output: [`${text}\n`] };
  },
});

/** FPCs and their PICs: what is fitted, and what is switched off. */
function picStatus(target: OperationalTarget, slot: string | undefined): Element[] {
  const { platform, pics } = target;
  const fitted = new Map(
    platform.fpcs.map(({ fpc, board }) => [fpc, { description: board.description, pics: new Map<number, string>() }]),
  );
  for (const board of hardware({ ...target, pics: undefined }).parts) {
    const fpc = fitted.get(Number(/^FPC (\d+)$/.exec(board.name)?.[1]));
    for (const part of board.parts) fpc?.pics.set(Number(/\d+$/.exec(part.name)?.[0]), part.description);
  }
  return [...fitted]
    .filter(([fpc]) => slot === undefined || Number(slot) === fpc)
    .map(([fpc, { description, pics: parts }]) =>
      node('fpc', [
        leaf('slot', fpc),
        leaf('state', 'Online'),
        leaf('description', description),
        ...[...parts]
          .sort(([a], [b]) => a - b)
          .map(([pic, type]) =>
            node('pic', [
              leaf('pic-slot', pic),
              leaf('pic-state', pics!.offline.has(`sp-${fpc}/${pic}/0`) ? 'Offline' : 'Online'),
              leaf('pic-type', type),
            ]),
          ),
      ]),
    );
}

/** The router around the L2TP services. */
export const ROUTER_COMMANDS: readonly Command[] = [
  {
    words: 'show interfaces',
    help: 'Show interface information',
    privilege: 'view',
    options: [
      { keyword: 'terse', help: 'Display terse output', choice: 'level' },
      { keyword: 'brief', help: 'Display brief output', choice: 'level' },
      { keyword: 'detail', help: 'Display detailed output', choice: 'level' },
    ],
    positional: { name: 'interface', help: 'Name of physical or logical interface', value: INTERFACES, optional: true },
    run: (args, { target }) => {
      const style = args.has('terse') ? 'terse' : 'normal';
      return {
        elements: [interfaceElements(target, style, args.get('interface'))],
        text: style === 'terse' ? terseText : interfaceText,
      };
    },
  },
  {
    words: 'show interfaces redundancy',
    help: 'Show redundant interfaces',
    privilege: 'view',
    needs: 'switchover',
    run: (_, { target }) => ({
      elements: [
        node(
          'redundancy-interface-information',
          target
            .switchover!.interfaces()
            .map((one) =>
              node('interface-entry', [
                leaf('redundancy-interface-name', one.name),
                leaf('redundancy-interface-state', one.state),
                leaf(
                  'redundancy-interface-last-change',
                  one.lastChange === null ? 'Never' : duration(Date.now() - one.lastChange.getTime()),
                ),
                leaf('redundancy-interface-primary', one.primary),
                leaf('redundancy-interface-secondary', one.secondary),
                leaf('redundancy-interface-status', one.status),
              ]),
            ),
        ),
      ],
      text: function* (reply) {
        yield 'Interface  State           Last change  Primary     Secondary   Current status';
        for (const information of reply)
          for (const entry of information.children ?? []) {
            const fields = new Fields(entry);
            const get = (tag: string): string => fields.text(`redundancy-interface-${tag}`);
            yield `${get('name').padEnd(11)}${get('state').padEnd(16)}${get('last-change').padEnd(13)}${get('primary').padEnd(12)}${get('secondary').padEnd(12)}${get('status')}`;
          }
      },
    }),
  },
  redundancyRequest('switchover', 'Switch to the other services PIC'),
  redundancyRequest('revert', 'Go back to the primary services PIC'),
  {
    words: 'show chassis hardware',
    help: 'Show installed hardware components',
    privilege: 'view',
    options: [
      { keyword: 'detail', help: 'Include disks and memory', choice: 'level' },
      { keyword: 'extensive', help: 'Include ID EEPROM information', choice: 'level' },
      { keyword: 'models', help: 'Display serial number and model number for orderable FRUs', choice: 'level' },
    ],
    run: (args, { target }) => {
      const style = ['detail', 'extensive', 'models'].find((one) => args.has(one)) ?? 'normal';
      return {
        elements: [node('chassis-inventory', [boardElement(hardware(target), 0, style)], { 'junos:style': style })],
        text: hardwareText,
      };
    },
  },
  {
    words: 'show chassis fpc pic-status',
    help: 'Show status of PICs',
    privilege: 'view',
    needs: 'pics',
    positional: { name: 'slot', help: 'FPC slot', value: SLOT, optional: true },
    run: (args, { target }) => ({
      elements: [node('fpc-information', picStatus(target, args.get('slot')), { 'junos:style': 'pic-style' })],
      text: function* (reply) {
        for (const information of reply)
          for (const fpc of information.children ?? []) {
            const top = new Fields(fpc);
            yield `Slot ${top.text('slot').padEnd(4)}${top.text('state').padEnd(13)}${top.text('description')}`;
            for (const pic of fpc.children ?? []) {
              if (pic.name !== 'pic') continue;
              const fields = new Fields(pic);
              yield `  PIC ${fields.text('pic-slot')}  ${fields.text('pic-state').padEnd(13)}${fields.text('pic-type')}`;
            }
          }
      },
    }),
  },
  picRequest(true),
  picRequest(false),
  fpcRequest('offline', 'Take an FPC offline'),
  fpcRequest('online', 'Bring an FPC online'),
  fpcRequest('restart', 'Restart an FPC'),
  {
    words: 'show version',
    help: 'Show software process revision levels',
    privilege: 'view',
    run: (_, { target }) => ({
      elements: [
        node('software-information', [
          leaf('host-name', target.hostName),
          leaf('product-model', target.platform.name),
          node('package-information', [leaf('name', 'wasm-lns'), leaf('comment', `wasm-lns [${target.version}]`)]),
          node('package-information', [leaf('name', 'node'), leaf('comment', `Node.js [${process.versions.node}]`)]),
        ]),
      ],
      text: function* (reply) {
        for (const information of reply)
          for (const child of information.children ?? [])
            if (child.name === 'host-name') yield `Hostname: ${child.value}`;
            else if (child.name === 'product-model') yield `Model: ${child.value}`;
            else yield new Fields(child).text('comment');
      },
    }),
  },
  {
    words: 'show system uptime',
    help: 'Show time since the server started',
    privilege: 'view',
    run: (_, { target }) => ({
      elements: [
        node('system-uptime-information', [
          node('current-time', [moment('date-time', new Date())]),
          node('protocols-started-time', [
            moment('date-time', target.lns.startedAt),
            elapsed('time-length', Date.now() - target.lns.startedAt.getTime()),
          ]),
        ]),
      ],
      text: function* () {
        const { startedAt } = target.lns;
        yield `Current time:      ${isoTime(new Date())}`;
        yield `Protocols started: ${isoTime(startedAt)} (${duration(Date.now() - startedAt.getTime())} ago)`;
      },
    }),
  },
  {
    words: 'restart',
    help: 'Restart a part of the server',
    privilege: 'maintenance',
    needs: 'processes',
    positional: {
      name: 'process',
      help: 'Name of the process',
      value: textValue('process', function* ({ processes }) {
        for (const { name, help } of processes?.names ?? []) yield [name, help] as const;
      }),
    },
    run: async (args, { target }) => {
      const name = args.get('process')!;
      if (!target.processes!.names.some((one) => one.name === name))
        throw new CommandError(`there is no process ${name}`);
      return { output: [`${await target.processes!.restart(name)}\n`] };
    },
  },
];
