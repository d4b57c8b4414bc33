import { COMMANDS, commandOf } from './commands.ts';
import { besideLevel, isFault, type Level, nodesTo, placeOf, walkWords } from './edit.ts';
import { lexLine, type Token } from './parse.ts';
import { PIPES, pipeName, splitPipes } from './pipes.ts';
import { child, entries, value } from './query.ts';
import type { Completion, LiveValues } from './session-types.ts';
import type { Names, Statement, ValueType } from './statement.ts';
import { type ConfigNode, childrenByKeyword, isOpaque, OTHER_STATEMENT } from './tree.ts';

const ENTER: Completion = { word: '<[Enter]>', description: 'Execute this command', kind: 'enter' };
/** Names offered at most: a list of ten thousand is no help. */
const NAMES_MAX = 200;

/** What may follow `text`, the line up to the cursor. */
export function completeLine(text: string, root: ConfigNode, level: Level, live: LiveValues | null): Completion[] {
  const { tokens, fault } = lexLine(text);
  if (fault !== null) return [];
  const open = text !== '' && !/\s$/.test(text) && tokens.length > 0;
  const partial = open ? tokens.at(-1)!.text : '';
  const before = open ? tokens.slice(0, -1) : tokens;
  return new Completer(root, live).line(before, partial, level);
}

type PathUse = 'set' | 'edit' | 'existing';

class Completer {
  readonly #root: ConfigNode;
  readonly #live: LiveValues | null;
  constructor(root: ConfigNode, live: LiveValues | null) {
    this.#root = root;
    this.#live = live;
  }

  line(before: readonly Token[], partial: string, level: Level): Completion[] {
    const [first, ...rest] = before;
    if (first === undefined) return words(COMMANDS, partial);
    const command = commandOf(first.text);
    if (typeof command !== 'string') return [];
    switch (command) {
      case 'set':
        return this.#path(rest, partial, level, 'set');
      case 'edit':
        return this.#path(rest, partial, level, 'edit');
      case 'delete':
      case 'activate':
      case 'deactivate':
      case 'annotate':
        return this.#path(rest, partial, level, 'existing');
      case 'show':
        return this.#piped(rest, partial, (plain) => this.#path(plain, partial, level, 'existing'));
      case 'rename':
      case 'copy':
        return this.#two(rest, partial, level, { to: 'New name' });
      case 'insert':
        return this.#two(rest, partial, level, { after: 'Behind that entry', before: 'In front of that entry' });
      case 'top':
      case 'up': {
        const number = command === 'up' && rest[0] !== undefined && /^\d+$/.test(rest[0].text);
        const up =
          command === 'top' ? [] : level.slice(0, Math.max(0, level.length - (number ? Number(rest[0]!.text) : 1)));
        const more = number ? rest.slice(1) : rest;
        return more.length === 0 && partial === '' ? [ENTER, ...words(COMMANDS, '')] : this.line(more, partial, up);
      }
      case 'load':
        return this.#load(rest, partial);
      case 'save':
        return rest.length === 0 ? this.#files(partial) : [ENTER];
      case 'commit':
        return this.#piped(rest, partial, (plain) => commitOptions(plain, partial));
      case 'rollback':
        return rest.length > 0
          ? [ENTER]
          : [ENTER, { word: '<number>', description: 'Configuration to return to (0..49)', kind: 'value' }];
      case 'exit':
      case 'quit':
        return rest.length > 0
          ? [ENTER]
          : [ENTER, ...words({ 'configuration-mode': 'Exit from configuration mode' }, partial)];
      case 'replace': {
        const steps = [{ pattern: 'Pattern to replace' }, null, { with: 'What to put in its place' }, null] as const;
        const step = steps[rest.length];
        if (step === undefined)
          return rest.length === 4
            ? [ENTER, ...words({ upto: 'Number of replacements' }, partial)]
            : rest.length === 5
              ? [{ word: '<number>', description: 'Number of replacements', kind: 'value' }]
              : [ENTER];
        return step === null
          ? [{ word: rest.length === 1 ? '<pattern>' : '<text>', description: 'Words', kind: 'value' }]
          : words(step as Readonly<Record<string, string>>, partial);
      }
      case 'wildcard':
        if (rest.length === 0) return words({ delete: 'Delete by a regular expression' }, partial);
        return this.#path(rest.slice(1), partial, level, 'existing');
      default:
        return [ENTER];
    }
  }

  #piped(rest: readonly Token[], partial: string, plain: (words: readonly Token[]) => Completion[]): Completion[] {
    const { command, pipes } = splitPipes(rest);
    const pipe = pipes.at(-1);
    if (pipe === undefined) {
      const found = plain(command);
      return partial === '' && found.includes(ENTER)
        ? [...found, { word: '|', description: 'Pipe through a command', kind: 'keyword' }]
        : found;
    }
    if (pipe.name === '') return words(PIPES, partial);
    switch (pipeName(pipe.name)) {
      case 'display':
        if (pipe.words.length === 0)
          return words(
            {
              inheritance: 'Show where statements come from',
              json: 'Show output in JSON format',
              set: 'Show the commands that create the configuration',
              xml: 'Show output as XML tags',
            },
            partial,
          );
        return pipe.words[0] === 'set' && pipe.words.length === 1
          ? [ENTER, ...words({ relative: 'From the current level' }, partial)]
          : [ENTER];
      case 'compare':
        if (pipe.words.length === 0) return [ENTER, ...words({ rollback: 'With a former configuration' }, partial)];
        if (pipe.words.length === 1)
          return [{ word: '<number>', description: 'Number of the configuration (0..49)', kind: 'value' }];
        return [ENTER];
      case 'match':
      case 'except':
      case 'find':
        return pipe.words.length === 0
          ? [{ word: '<pattern>', description: 'Pattern to match', kind: 'value' }]
          : [ENTER];
      case 'save':
        return pipe.words.length === 0 ? this.#files(partial) : [ENTER];
      case null:
        return [];
      default:
        return [ENTER];
    }
  }
  #two(rest: readonly Token[], partial: string, level: Level, between: Readonly<Record<string, string>>): Completion[] {
    const at = rest.findIndex((one) => !one.quoted && Object.hasOwn(between, one.text));
    if (at >= 0) {
      const beside = besideLevel(level, rest.slice(0, at)) ?? level;
      return this.#path(rest.slice(at + 1), partial, beside, Object.hasOwn(between, 'to') ? 'set' : 'existing');
    }
    const found = this.#path(rest, partial, level, 'existing').filter((one) => one !== ENTER);
    const walked = walkWords(placeOf(level), rest);
    const entry = !isFault(walked) && walked.place.statement.kind === 'list' && walked.list === null;
    return entry && rest.length > 0 ? [...words(between, partial), ...found] : found;
  }
  #load(rest: readonly Token[], partial: string): Completion[] {
    if (rest.length === 0)
      return words(
        {
          merge: 'Merge contents with existing configuration',
          override: 'Override existing configuration',
          patch: 'Load patch file into configuration',
          replace: 'Replace configuration data',
          set: 'Execute set of commands on existing configuration',
          update: 'Update existing configuration',
        },
        partial,
      );
    if (rest.length === 1) return [...this.#files(partial), ...words({ terminal: 'Use login terminal' }, partial)];
    if (rest.length === 2) return [ENTER, ...words({ relative: 'Load relative to this level' }, partial)];
    return [ENTER];
  }
  #files(partial: string): Completion[] {
    const files = this.#live?.('file') ?? [];
    const found = files
      .filter((one) => one.word.startsWith(partial))
      .map((one): Completion => ({ ...one, kind: 'value' }));
    return [{ word: '<filename>', description: 'Name of a file', kind: 'value' }, ...found];
  }

  #path(before: readonly Token[], partial: string, level: Level, use: PathUse): Completion[] {
    const walked = walkWords(placeOf(level), before);
    if (isFault(walked)) return [];
    const path = nodesTo(this.#root, [...level, ...walked.steps]);
    const node = path === null ? null : (path.at(-1) ?? this.#root);
    if (walked.list !== null) return this.#keys(walked.list, node, partial, use);
    const { leaf } = walked;
    if (leaf !== null) return use === 'set' ? this.#values(leaf, before, partial, node) : [ENTER];
    const { statement } = walked.place;
    if (isOpaque(statement) || statement === OTHER_STATEMENT) return [ENTER];
    const ready = before.length > 0 ? enterFits(statement, use) : use === 'existing';
    const found: Completion[] = [];
    for (const [keyword, one] of childrenByKeyword(statement)) {
      if (keyword === '' || one.bare === true || !keyword.startsWith(partial)) continue;
      if (use === 'edit' && (one.kind === 'leaf' || one.kind === 'flag' || one.kind === 'values')) continue;
      if (use === 'existing' && !(node?.children.some((own) => own.statement === one) ?? false)) continue;
      found.push({ word: keyword, description: one.description, kind: 'keyword' });
    }
    found.sort((a, b) => (a.word < b.word ? -1 : 1));
    const bare = statement.keyword === 'interfaces' || statement.keyword === 'groups';
    if (bare) found.push(...this.#bareKeys(statement, node, partial, use));
    const positional = statement.children?.find((one) => one.positional === true);
    if (positional !== undefined && use === 'set')
      found.unshift({ word: `<${positional.keyword}>`, description: positional.description, kind: 'value' });
    return ready && partial === '' ? [ENTER, ...found] : found;
  }
  #bareKeys(statement: Statement, node: ConfigNode | null, partial: string, use: PathUse): Completion[] {
    const existing = (node?.children ?? []).filter((one) => one.key !== null && one.statement.bare === true);
    const known = new Set(existing.map((one) => one.key!));
    const found = [...known].map((word): Completion => ({ word, description: '', kind: 'value' }));
    if (use !== 'existing' && statement.keyword === 'interfaces')
      for (const one of this.#live?.('services-pic') ?? [])
        if (!known.has(one.word)) found.push({ ...one, kind: 'value' });
    const fitting = found.filter((one) => one.word.startsWith(partial)).slice(0, NAMES_MAX);
    const name = statement.keyword === 'groups' ? 'group-name' : 'interface-name';
    return use === 'existing' ? fitting : [{ word: `<${name}>`, description: 'Name', kind: 'value' }, ...fitting];
  }
  #keys(list: Statement, node: ConfigNode | null, partial: string, use: PathUse): Completion[] {
    const found: Completion[] = [];
    if (list.key!.type === 'enum' && use !== 'existing') return enumValues(list.key!, partial);
    for (const one of node?.children ?? []) {
      if (one.statement !== list || !one.key!.startsWith(partial)) continue;
      found.push({ word: one.key!, description: value(one, 'description') ?? '', kind: 'value' });
      if (found.length === NAMES_MAX) break;
    }
    if (use === 'existing') return [...(partial === '' ? [ENTER] : []), ...found];
    const known = new Set(found.map((one) => one.word));
    const more = this.#names(list.names, partial).filter((one) => !known.has(one.word));
    return [
      { word: `<${list.keyName ?? keyName(list)}>`, description: list.description, kind: 'value' },
      ...found,
      ...more,
    ];
  }
  #values(leaf: Statement, before: readonly Token[], partial: string, node: ConfigNode | null): Completion[] {
    const at = before.findLastIndex((one) => leaf.keyword.startsWith(one.text));
    const given = before.slice(at + 1).filter((one) => one.kind === 'word').length;
    const open = before.some((one) => one.kind !== 'word');
    if (leaf.kind === 'flag') return given === 0 ? [ENTER] : [];
    if (given > 0 && leaf.kind === 'leaf') return [ENTER];
    const type = leaf.value!;
    const choices = type.type === 'enum' ? enumValues(type, partial) : this.#valueNames(leaf, type, partial, node);
    if (leaf.kind !== 'values') return choices;
    const bracket: Completion = open
      ? { word: ']', description: 'Close a set of values', kind: 'keyword' }
      : { word: '[', description: 'Open a set of values', kind: 'keyword' };
    if (given === 0 && !open) return partial === '' ? [bracket, ...choices] : choices;
    return open ? [...choices, ...(partial === '' ? [bracket] : [])] : [ENTER, ...choices];
  }
  #valueNames(leaf: Statement, type: ValueType, partial: string, node: ConfigNode | null): Completion[] {
    const current = leaf.value?.type === 'secret' ? null : node === null ? null : value(node, leaf.keyword);
    const limits = type.type === 'uint' || type.type === 'int' ? ` (${type.min}..${type.max})` : '';
    const unit = leaf.unit === undefined ? '' : ` ${leaf.unit}`;
    const fallback = leaf.default === undefined ? '' : `; ${leaf.default} unless set`;
    const placeholder: Completion = {
      word: `<${leaf.keyword}>`,
      description: `${leaf.description}${limits}${unit}${fallback}${current === null ? '' : `; now ${current}`}`,
      kind: 'value',
    };
    return [placeholder, ...this.#names(leaf.names, partial)];
  }
  /** Names in the configuration, and live ones. */
  #names(kind: Names | undefined, partial: string): Completion[] {
    if (kind === undefined) return [];
    const access = child(this.#root, 'access');
    const interfaces = child(this.#root, 'interfaces');
    const found = new Map<string, string>();
    const put = (words: Iterable<string>, description: string): void => {
      for (const word of words) {
        if (found.size >= NAMES_MAX) return;
        if (word.startsWith(partial) && !found.has(word)) found.set(word, description);
      }
    };
    const keys = (nodes: readonly ConfigNode[]): string[] => nodes.map((one) => one.key!);
    switch (kind) {
      case 'profile':
      case 'group-profile':
      case 'address-pool':
        put(keys(entries(access, kind)), '');
        break;
      case 'services-interface':
        put(keys((interfaces?.children ?? []).filter((one) => /^(sp-|rsp)/.test(one.key ?? ''))), '');
        break;
      case 'services-pic':
        put(keys((interfaces?.children ?? []).filter((one) => /^sp-/.test(one.key ?? ''))), '');
        for (const { word, description } of this.#live?.('services-pic') ?? []) put([word], description);
        break;
      case 'interface-id':
        for (const one of interfaces?.children ?? [])
          for (const unit of entries(one, 'unit')) {
            const id = value(child(unit, 'dial-options'), 'l2tp-interface-id');
            if (id !== null) put([id], `${one.key} unit ${unit.key}`);
          }
        break;
      case 'tunnel-group':
        put(keys(entries(child(child(this.#root, 'services'), 'l2tp'), 'tunnel-group')), '');
        break;
      case 'client':
        for (const profile of entries(access, 'profile')) put(keys(entries(profile, 'client')), profile.key!);
        break;
      case 'policer':
        put(keys(entries(child(this.#root, 'firewall'), 'policer')), '');
        break;
      case 'user':
        for (const { word, description } of this.#live?.('user') ?? []) put([word], description);
        break;
    }
    return [...found].map(([word, description]) => ({ word, description, kind: 'value' }));
  }
}

const words = (table: Readonly<Record<string, string>>, partial: string): Completion[] =>
  Object.entries(table)
    .filter(([word]) => word.startsWith(partial))
    .map(([word, description]) => ({ word, description, kind: 'keyword' }));
const enumValues = (type: ValueType & { type: 'enum' }, partial: string): Completion[] =>
  type.values
    .filter((word) => word.startsWith(partial))
    .map((word) => ({ word, description: type.help?.[word] ?? '', kind: 'value' }));
const keyName = (list: Statement): string =>
  list.key!.type === 'address' ? 'address' : list.key!.type === 'prefix4' ? 'prefix' : 'name';
/** May the line end at a block? */
function enterFits(statement: Statement, use: PathUse): boolean {
  if (use !== 'set') return true;
  return statement.kind === 'list' || statement.presence === true;
}
function commitOptions(before: readonly Token[], partial: string): Completion[] {
  const last = before.at(-1)?.text;
  if (last === 'comment') return [{ word: '<comment>', description: 'Message to write to commit log', kind: 'value' }];
  const options: Record<string, string> = {
    'and-quit': 'Quit configuration mode if commit succeeds',
    check: 'Check correctness of syntax; do not apply changes',
    comment: 'Message to write to commit log',
    confirmed: 'Automatically rollback if not confirmed',
  };
  const minutes: Completion[] =
    last === 'confirmed'
      ? [{ word: '<timeout>', description: 'Minutes until automatic rollback (1..65535)', kind: 'value' }]
      : [];
  return [...(partial === '' ? [ENTER] : []), ...minutes, ...words(options, partial)];
}
