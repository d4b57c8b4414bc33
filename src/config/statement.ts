/** What a value may be. */
export type ValueType =
  | { readonly type: 'uint'; readonly min: number; readonly max: number }
  | { readonly type: 'int'; readonly min: number; readonly max: number }
  | { readonly type: 'text'; readonly max: number; readonly pattern?: RegExp; readonly message?: string }
  /** Octets, as `128k`, `1m`, `1g` or a number. */
  | { readonly type: 'size'; readonly min: number; readonly max: number }
  /** Bits a second or octets, as `10m`: k, m and g are powers of a thousand, as with every rate. */
  | { readonly type: 'rate'; readonly min: number; readonly max: number }
  /** A regular expression. */
  | { readonly type: 'regex'; readonly max: number }
  | { readonly type: 'secret'; readonly max: number }
  /** `unicast`: a host's: neither of this network, nor multicast, nor reserved. */
  | { readonly type: 'ipv4'; readonly unicast?: boolean }
  | { readonly type: 'address' }
  | { readonly type: 'prefix4' }
  | { readonly type: 'prefix6' }
  | { readonly type: 'enum'; readonly values: readonly string[]; readonly help?: Readonly<Record<string, string>> };

/**
 * How far a statement goes today: `honoured` acts, `later` is understood and checked but not acted on yet (a warning
 * says so), `opaque` is another part of a router's configuration, kept as it is written (one warning).
 */
export type Status = 'honoured' | 'later' | 'opaque';
/** When a change takes effect (reference: "What a configuration change does to running tunnels and sessions"). */
export type Effect = 'new-tunnels' | 'new-sessions' | 'ends-sessions' | 'at-once' | 'restart';
/** Whose names a value is: completion offers them, live ones too. */
export type Names =
  | 'profile'
  | 'group-profile'
  | 'address-pool'
  | 'services-interface'
  | 'services-pic'
  | 'interface-id'
  | 'tunnel-group'
  | 'client'
  | 'policer'
  | 'user';

/** One statement, declared once: parser, checks, display, completion and manual come from here. */
export interface Statement {
  readonly keyword: string;
  /** `list`: an entry a key, `leaf`: one value, `values`: several, `flag`: present or not, `container`: a block. */
  readonly kind: 'container' | 'list' | 'leaf' | 'values' | 'flag';
  readonly status: Status;
  readonly description: string;
  readonly key?: ValueType;
  /** What the key is called where it is asked for, and in XML where it is not `name`. */
  readonly keyName?: string;
  readonly value?: ValueType;
  readonly names?: Names;
  readonly children?: readonly Statement[];
  /** What holds where it is not set, in the statement's unit. */
  readonly default?: string | number;
  readonly unit?: string;
  readonly effect?: Effect;
  /** Must be there when its block is. */
  readonly mandatory?: boolean;
  /** At most one statement of a choice in a block. */
  readonly choice?: string;
  /** What commit checks besides the value, in Junos' words. */
  readonly checks?: readonly string[];
  /** First release with it, where it is not as old as L2TP services; `ours` where no router has it. */
  readonly since?: string;
  /** A container that says something by being there empty. */
  readonly presence?: boolean;
  /** `inline`: its statements stand on its own line; `prefix`: each of its statements stands alone behind its keyword. */
  readonly layout?: 'inline' | 'prefix';
  /** A list whose entries are written without its keyword (`interfaces { sp-1/2/0 … }`). */
  readonly bare?: boolean;
  /** A leaf whose value is written without its keyword (`file NAME size …`). */
  readonly positional?: boolean;
  /** Entries stand in order of their keys, not in the operator's. */
  readonly sorted?: boolean;
  /** Statements that are not declared are kept as they are written; `load`: in a text that is read, not typed. */
  readonly open?: boolean | 'load';
  readonly maxEntries?: number;
}

export const NAME: ValueType = { type: 'text', max: 63 };
const BEGINS_WITH_LETTER_OR_DIGIT =
  'Must be a string beginning with a number or letter and consisting of letters, numbers, dashes and underscores.';
export const GROUP_NAME: ValueType = {
  type: 'text',
  max: 63,
  pattern: /^[A-Za-z0-9][A-Za-z0-9_-]*$/,
  message: BEGINS_WITH_LETTER_OR_DIGIT,
};
export const IDENTIFIER: ValueType = {
  type: 'text',
  max: 63,
  pattern: /^[A-Za-z0-9][_0-9A-Za-z-]{0,62}$/,
  message: BEGINS_WITH_LETTER_OR_DIGIT,
};
export const TEXT: ValueType = { type: 'text', max: 255 };
export const U16: ValueType = { type: 'uint', min: 0, max: 65535 };
export const PORT: ValueType = { type: 'uint', min: 1, max: 65535 };
export const SECRET: ValueType = { type: 'secret', max: 255 };
export const uint = (min: number, max: number): ValueType => ({ type: 'uint', min, max });
/** One of these words; a record gives each its sentence. */
export function oneOf(first: Readonly<Record<string, string>> | string, ...more: string[]): ValueType {
  if (typeof first === 'string') return { type: 'enum', values: [first, ...more] };
  return { type: 'enum', values: Object.keys(first), help: first };
}

export type Extra = Partial<Omit<Statement, 'keyword' | 'kind' | 'description' | 'status'>> & { status?: Status };
export const make = (keyword: string, kind: Statement['kind'], description: string, extra: Extra): Statement => ({
  keyword,
  kind,
  description,
  status: 'honoured',
  ...extra,
});
export const leaf = (keyword: string, value: ValueType, description: string, extra: Extra = {}): Statement =>
  make(keyword, 'leaf', description, { value, ...extra });
export const values = (keyword: string, value: ValueType, description: string, extra: Extra = {}): Statement =>
  make(keyword, 'values', description, { value, ...extra });
export const flag = (keyword: string, description: string, extra: Extra = {}): Statement =>
  make(keyword, 'flag', description, extra);
export const block = (
  keyword: string,
  description: string,
  children: readonly Statement[],
  extra: Extra = {},
): Statement => make(keyword, 'container', description, { children, ...extra });
export const list = (
  keyword: string,
  key: ValueType,
  description: string,
  children: readonly Statement[],
  extra: Extra = {},
): Statement => make(keyword, 'list', description, { key, children, ...extra });
export const opaque = (keyword: string, description: string): Statement =>
  make(keyword, 'container', description, { status: 'opaque' });

/** Declared, understood and checked, and not acted on yet. */
export const LATER: Extra = { status: 'later' };
