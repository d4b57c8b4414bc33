import type { ConfigReply, ConfigurationSession } from '../config/session.ts';
import { LnsError } from '../errors.ts';
import { serviceInterfaces } from '../platform/platform.ts';
import type { Conversation, End, Hello, Question, ReplyTo } from '../server/socket.ts';
import { CommandError } from './commands/error.ts';
import { stopFollowing } from './commands/terminal.ts';
import type { LocalAction } from './grammar.ts';
import { asCompletions, type Completions } from './match.ts';
import type { Operator } from './operator.ts';
import type { OperatorUser } from './types.ts';

/** Output is handed over in pieces of about this many characters. */
const PIECE = 32 << 10;
/** A long reply leaves the thread to others after this long at a time. */
const TURN_MS = 5;

/** What configuration mode says at the end of a line. */
export interface EditState {
  /** `[edit services l2tp]`; null: configuration mode is left. */
  readonly banner: string | null;
  readonly ok: boolean;
  /** Where the mark of a fault stands in the line. */
  readonly column: number | null;
  /** The command goes on once it gets this, by an `edit` with `input`. */
  readonly needsInput: 'terminal' | 'confirm' | null;
}

/** Hands pieces on, joined; gives way between them. @returns false where the operator gave up */
export async function deliver(
  pieces: Iterable<string> | AsyncIterable<string>,
  { out, signal }: Pick<ReplyTo, 'out' | 'signal'>,
): Promise<boolean> {
  if (Symbol.asyncIterator in pieces) {
    for await (const piece of pieces) {
      if (piece !== '') await out(piece);
      if (signal.aborted) return false;
    }
    return !signal.aborted;
  }
  let text = '';
  let since = performance.now();
  for (const piece of pieces) {
    text += piece;
    const late = performance.now() - since > TURN_MS;
    if (text.length < PIECE && !late) continue;
    await out(text);
    text = '';
    if (late) {
      await new Promise((resolve) => setImmediate(resolve));
      since = performance.now();
    }
    if (signal.aborted) return false;
  }
  if (text !== '') await out(text);
  return true;
}
/** A long text in pieces. */
function* piecesOf(text: string): Generator<string> {
  for (let at = 0; at < text.length; at += PIECE) yield text.slice(at, at + PIECE);
}

/** Terminals of operators, for `status` of configuration mode. */
let terminals = 0;

/** What the server does for one operator: operational mode, and his session of configuration mode. */
export class OperatorConversation implements Conversation {
  readonly hello: Hello;
  readonly #operator: Operator;
  readonly #user: OperatorUser;
  readonly #push: (text: string) => void;
  readonly #pid: number | undefined;
  /** Values that commands keep for this connection. */
  readonly #connection = new Map<string, unknown>();
  readonly #terminal = `p${terminals++}`;
  #session: ConfigurationSession | null = null;
  /** The line of configuration mode that is being done: they follow each other. */
  #editing: Promise<unknown> = Promise.resolve();
  /** Where files of the request under way come from. */
  #replyTo: ReplyTo | null = null;

  /** @param pid process of the operator's CLI */
  constructor(operator: Operator, user: OperatorUser, push: (text: string) => void, pid?: number) {
    this.#operator = operator;
    this.#user = user;
    this.#push = push;
    this.#pid = pid;
    const { hostName, version } = operator.target;
    this.hello = { hello: 1, host: hostName, user: user.name, class: user.class, version };
  }

  async answer(request: Question, reply: ReplyTo): Promise<End> {
    try {
      if (request.op === 'complete') return { end: 'done', value: this.#complete(request.line, request.mode) };
      if (request.op === 'edit') {
        const turn = this.#editing.then(() => this.#edit(request.line, request.input, reply));
        this.#editing = turn.catch(() => {});
        return await turn;
      }
      const { line, columns } = request;
      const format = request.format === 'xml' || request.format === 'json' ? request.format : 'text';
      const result = await this.#operator.run(line, {
        user: this.#user,
        format,
        columns,
        signal: reply.signal,
        push: this.#push,
        connection: this.#connection,
      });
      if ('fault' in result) return { end: 'fault', fault: result.fault };
      if ('local' in result)
        return result.local.do === 'configure'
          ? await this.#configure(result.local, reply)
          : { end: 'done', value: { local: result.local } };
      return (await deliver(result.pieces, reply)) ? { end: 'done' } : { end: 'done', value: { aborted: true } };
    } catch (error) {
      if (error instanceof CommandError || error instanceof LnsError) return { end: 'error', message: error.message };
      throw error;
    }
  }

  #complete(line: string, mode: 'operate' | 'configure'): Completions {
    const session = this.#session;
    if (mode === 'operate' || session === null) return this.#operator.complete(line, this.#user);
    return asCompletions(line, session.complete(line, line.length));
  }

  // Configuration mode.

  async #configure({ how }: Extract<LocalAction, { do: 'configure' }>, { out }: ReplyTo): Promise<End> {
    if (this.#session !== null) throw new CommandError('configuration mode is entered already');
    const { target } = this.#operator;
    const files = (): ReplyTo => {
      if (this.#replyTo === null) throw new Error('the operator is gone');
      return this.#replyTo;
    };
    const session = target.configuration!.open({
      user: this.#user.name,
      terminal: this.#terminal,
      mode: how,
      ...(this.#pid === undefined ? {} : { pid: this.#pid }),
      readFile: async (path) => files().file({ do: 'read', path }),
      writeFile: async (path, text) => void (await files().file({ do: 'write', path, text })),
      liveValues: (kind) => {
        if (kind === 'services-pic')
          return serviceInterfaces(target.platform).map((word) => ({ word, description: 'Services PIC' }));
        if (kind !== 'user') return [];
        const users = new Set<string>();
        for (const { calls } of target.lns.tunnels.values())
          for (const { userName } of calls.values()) users.add(userName);
        return [...users].filter(Boolean).map((word) => ({ word, description: 'User with a session' }));
      },
    });
    this.#session = session;
    await out(session.greeting);
    const state: EditState = { banner: session.banner, ok: true, column: null, needsInput: null };
    return { end: 'done', value: { edit: state } };
  }
  async #edit(line: string, input: string | null, to: ReplyTo): Promise<End> {
    const session = this.#session;
    if (session === null) return { end: 'error', message: 'not in configuration mode' };
    this.#replyTo = to;
    let reply: ConfigReply;
    try {
      reply = await (input === null ? session.execute(line) : session.provide(input));
    } finally {
      this.#replyTo = null;
    }
    await deliver(piecesOf(reply.text), to);
    if (reply.leave === true) {
      session.close();
      this.#session = null;
    }
    const state: EditState = {
      banner: reply.leave === true ? null : session.banner,
      ok: reply.ok,
      column: reply.column ?? null,
      needsInput: reply.needsInput ?? null,
    };
    return { end: 'done', value: { edit: state } };
  }

  close(): void {
    stopFollowing(this.#connection);
    this.#session?.close();
    this.#session = null;
  }
}
