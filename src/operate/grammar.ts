import type { Completion } from '../config/session-types.ts';
import type { Element } from './element.ts';
import type { OperationalTarget, OperatorUser } from './types.ts';

/** What a command may do, as Junos' permission bits name it. */
export type Privilege = 'view' | 'clear' | 'configure' | 'control' | 'maintenance' | 'network' | 'trace';

/** What an argument may be. */
export interface ValueType {
  /** As `?` names it: `<local-tunnel-id>`. */
  readonly placeholder: string;
  /** @returns null, or what is wrong in Junos' words */
  readonly check?: (text: string) => string | null;
  /** Values that would find something now, with what is to be said of each. */
  readonly values?: (target: OperationalTarget) => Iterable<readonly [value: string, help: string]>;
  /** Of a positional that takes the rest of the line: what may stand at its end. */
  readonly following?: (begun: string, target: OperationalTarget) => readonly Completion[];
}

/** A keyword behind the words of a command; options stand in any order. */
export interface Option {
  readonly keyword: string;
  readonly help: string;
  /** The keyword is followed by a value. */
  readonly value?: ValueType;
  /** At most one option of a choice. */
  readonly choice?: string;
}
/** A value without a keyword. */
export interface Positional {
  readonly name: string;
  readonly help: string;
  readonly value: ValueType;
  readonly optional?: boolean;
  /** Takes all words that follow as well. */
  readonly rest?: boolean;
}

/** The arguments of a command line, by keyword or by name of the positional; flags have ''. */
export type Arguments = ReadonlyMap<string, string>;

export interface Context {
  readonly target: OperationalTarget;
  readonly user: OperatorUser;
  /** Columns of the operator's terminal. */
  readonly columns: number;
  /** The operator has pressed Ctrl-C, or is gone. */
  readonly signal: AbortSignal;
  /** Prints beside the command's own output, later too; null where nobody would see it. */
  readonly push: ((text: string) => void) | null;
  /** How the reply is to be rendered. */
  readonly format: 'text' | 'xml' | 'json';
  /** Pipes that the command has to do with itself, as typed; '' for none. */
  readonly pipes: string;
  /** Values that last as long as the connection, by name. */
  readonly connection: Map<string, unknown>;
}

/** What a command answers. */
export type Reply =
  /** A tree of elements, and how it reads as text: lines without their line feeds. */
  | { readonly elements: Iterable<Element>; readonly text: (reply: Iterable<Element>) => Iterable<string> }
  /** Text by nature (a file, a configuration, a ping): pieces with their line feeds. */
  | {
      readonly output: Iterable<string> | AsyncIterable<string>;
      /** It is in the format that was asked for. */
      readonly rendered?: boolean;
    }
  /** Something for the operator's own terminal to do. */
  | { readonly local: LocalAction };

export type LocalAction =
  | { readonly do: 'quit' }
  | { readonly do: 'configure'; readonly how: 'shared' | 'exclusive' | 'private' }
  | { readonly do: 'set-cli'; readonly name: string; readonly value: string }
  | { readonly do: 'show-cli' }
  | { readonly do: 'history' };

/** An operational command, declared once: parser, completion, help and manual come from it. */
export interface Command {
  /** As `show services l2tp tunnel`. */
  readonly words: string;
  readonly help: string;
  readonly privilege: Privilege;
  readonly options?: readonly Option[];
  readonly positional?: Positional;
  /** It takes `| compare` and `| display` of configurations. */
  readonly pipes?: boolean;
  /** One option of this choice must be there. */
  readonly required?: string;
  /** A part of the server without which there is no such command. */
  readonly needs?: keyof OperationalTarget;
  run(args: Arguments, context: Context): Reply | Promise<Reply>;
}

/** Help for the words on the way to a command. */
export type WordHelp = Readonly<Record<string, string>>;

/** A whole number. */
export const numberValue = (
  placeholder: string,
  min: number,
  max: number,
  values?: ValueType['values'],
): ValueType => ({
  placeholder: `<${placeholder}>`,
  check: (text) => {
    if (!/^\d{1,10}$/.test(text)) return `invalid value '${text}': a number is expected`;
    const number = Number(text);
    return number < min || number > max ? `value ${text} is not within range (${min}..${max})` : null;
  },
  ...(values === undefined ? {} : { values }),
});
export const textValue = (placeholder: string, values?: ValueType['values']): ValueType => ({
  placeholder: `<${placeholder}>`,
  ...(values === undefined ? {} : { values }),
});
