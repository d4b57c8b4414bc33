import type { Conversation, End, Hello, Request } from '../server/socket.ts';
import { CommandError } from './commands/router.ts';
import { stopFollowing } from './commands/terminal.ts';
import type { Operator } from './operator.ts';
import type { OperatorUser } from './types.ts';

/** Output is handed over in pieces of about this many characters. */
const PIECE = 32 << 10;
/** A long reply leaves the thread to others after this long at a time. */
const TURN_MS = 5;

/** Hands pieces on, joined; gives way between them. @returns false where the operator gave up */
async function deliver(
  pieces: Iterable<string> | AsyncIterable<string>,
  out: (text: string) => Promise<void>,
  signal: AbortSignal,
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
    if (late) await new Promise((resolve) => setImmediate(resolve));
    if (signal.aborted) return false;
    since = performance.now();
  }
  if (text !== '') await out(text);
  return true;
}

/** What the server does for one operator. */
export class OperatorConversation implements Conversation {
  readonly hello: Hello;
  readonly #operator: Operator;
  readonly #user: OperatorUser;
  readonly #push: (text: string) => void;
  /** Values that commands keep for this connection. */
  readonly #connection = new Map<string, unknown>();

  constructor(operator: Operator, user: OperatorUser, push: (text: string) => void) {
    this.#operator = operator;
    this.#user = user;
    this.#push = push;
    const { hostName, version } = operator.target;
    this.hello = { hello: 1, host: hostName, user: user.name, class: user.class, version };
  }

  async answer(
    request: Exclude<Request, { op: 'cancel' }>,
    out: (text: string) => Promise<void>,
    signal: AbortSignal,
  ): Promise<End> {
    try {
      if (request.op === 'complete') {
        const { from, possible, fault } = this.#operator.complete(request.line, this.#user);
        return { end: 'done', value: { from, possible, fault } };
      }
      if (request.op === 'edit') return { end: 'error', message: 'not in configuration mode' };
      const { line, columns } = request;
      const format = request.format === 'xml' || request.format === 'json' ? request.format : 'text';
      const result = await this.#operator.run(line, {
        user: this.#user,
        format,
        columns,
        signal,
        push: this.#push,
        connection: this.#connection,
      });
      if ('fault' in result) return { end: 'fault', fault: result.fault };
      if ('local' in result) return { end: 'done', value: { local: result.local } };
      return (await deliver(result.pieces, out, signal)) ? { end: 'done' } : { end: 'done', value: { aborted: true } };
    } catch (error) {
      if (error instanceof CommandError) return { end: 'error', message: error.message };
      throw error;
    }
  }

  close(): void {
    stopFollowing(this.#connection);
  }
}
