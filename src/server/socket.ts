import { chmodSync, chownSync, lstatSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { Packr } from 'msgpackr';
import { ConfigError, SystemError } from '../errors.ts';
import { groupId, type PeerCredentials, peerCredentials } from '../io/credentials.ts';
import { openFfi } from '../io/ffi.ts';

/*
 * The CLI's connection: a Unix socket with frames of u32 octets in network order, then msgpack. The server greets;
 * after that the client asks under numbers of its own choice, several at a time, and each answer carries its number:
 * any pieces of output, then one end.
 */

/** A question of the CLI. */
export type Request =
  /** An operational command. */
  | {
      readonly id: number;
      readonly op: 'run';
      readonly line: string;
      readonly format: string;
      readonly columns: number;
    }
  /** A line of configuration mode; `input`: text that goes with it (`load`). */
  | { readonly id: number; readonly op: 'edit'; readonly line: string; readonly input: string | null }
  | { readonly id: number; readonly op: 'complete'; readonly line: string; readonly mode: 'operate' | 'configure' }
  /** Ctrl-C on the request of the same number. */
  | { readonly id: number; readonly op: 'cancel' }
  /** The answer to an `AskFile` of the request of the same number: text, '' for a file written, or why not. */
  | { readonly id: number; readonly op: 'file'; readonly text: string | null; readonly error: string };
/** Requests that are answered. */
export type Question = Exclude<Request, { op: 'cancel' | 'file' }>;

/** The server needs a file of the operator's, with his rights. */
export interface AskFile {
  readonly do: 'read' | 'write';
  readonly path: string;
  readonly text?: string;
}

export interface Fault {
  readonly offset: number;
  readonly message: string;
  readonly possible?: readonly { readonly text: string; readonly help: string; readonly kind: string }[];
}
/** How an answer ends. */
export type End =
  | { readonly end: 'done'; readonly value?: unknown }
  /** It could not be done. */
  | { readonly end: 'error'; readonly message: string; readonly value?: unknown }
  /** The line makes no sense, from `offset` on. */
  | { readonly end: 'fault'; readonly fault: Fault };
export interface Hello {
  readonly hello: 1;
  readonly host: string;
  readonly user: string;
  readonly class: string;
  readonly version: string;
}
export type Answer =
  | Hello
  | { readonly push: string }
  | { readonly id: number; readonly out: string }
  | { readonly id: number; readonly file: AskFile }
  | ({ readonly id: number } & End);

/** What an answer has to do with its client. */
export interface ReplyTo {
  /** Prints, and waits while the client does not read. */
  out(text: string): Promise<void>;
  /** Ctrl-C, or the client is gone. */
  readonly signal: AbortSignal;
  /** A file of the client's. @throws Error in the words of its file system */
  file(ask: AskFile): Promise<string>;
}
/** What a server does for one client. */
export interface Conversation {
  readonly hello: Hello;
  /** Answers one request. */
  answer(request: Question, reply: ReplyTo): Promise<End>;
  close(): void;
}

export interface ServeOptions {
  readonly path: string;
  /** Group of the socket, by name or number; the server's own without it. */
  readonly group?: string | null;
  /** @returns null where the client has no place here */
  open(credentials: PeerCredentials | null, push: (text: string) => void): Conversation | null;
  /** A client was sent away, or broke the protocol. */
  refused?(reason: string, uid: number | undefined): void;
}

/** Octets of a frame: a request carries at most a configuration file. */
const REQUEST_MAX = 8 << 20;
const ANSWER_MAX = 64 << 20;
/** A frame that has begun ends within this time. */
const FRAME_TIMEOUT_MS = 30_000;
/** Output that may wait for a client; more, and its command waits. */
const OUTPUT_HIGH_OCTETS = 256 << 10;
/** Pushed text (monitor) beyond this is lost for a client that does not read. */
const PUSH_MAX_OCTETS = 1 << 20;
const REQUESTS_MAX = 32;
const CONNECTIONS_MAX = 256;
/** Of one user who is not root. */
const CONNECTIONS_PER_USER_MAX = 32;
const LINE_MAX = 64 << 10;

const packr = new Packr({ structuredClone: false, useRecords: false });
function frame(value: unknown): Buffer {
  const body = packr.pack(value);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  return Buffer.concat([head, body]);
}

/** Reads frames off a stream; `broken` where what comes is none. */
function onFrames(
  socket: Socket,
  most: number,
  take: (value: unknown) => void,
  broken: (reason: string) => void,
): void {
  let chunks: Buffer[] = [];
  let held = 0;
  let wanted = 4;
  let timer: NodeJS.Timeout | null = null;
  let ended = false;
  const fail = (reason: string): void => {
    ended = true;
    chunks = [];
    broken(reason);
  };
  socket.on('data', (chunk: Buffer) => {
    if (ended) return;
    chunks.push(chunk);
    held += chunk.length;
    // Joined only once all of it is here: a large frame in small pieces is copied once.
    while (held >= wanted) {
      const all = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
      const length = all.readUInt32BE(0);
      if (length > most) return fail(`a frame of ${length} octets is more than ${most}`);
      if (held < 4 + length) {
        chunks = [all];
        wanted = 4 + length;
        break;
      }
      let value: unknown;
      try {
        value = packr.unpack(all.subarray(4, 4 + length));
      } catch {
        return fail('a frame is not msgpack');
      }
      const rest = all.subarray(4 + length);
      chunks = rest.length === 0 ? [] : [rest];
      held = rest.length;
      wanted = 4;
      take(value);
      if (ended) return;
    }
    if (timer !== null) clearTimeout(timer);
    timer = held === 0 ? null : setTimeout(() => fail('a frame does not end'), FRAME_TIMEOUT_MS).unref();
  });
  socket.on('close', () => {
    if (timer !== null) clearTimeout(timer);
  });
  socket.on('error', () => socket.destroy());
}

/** A request as it must be; null where it is none. */
function parseRequest(value: unknown): Request | null {
  if (typeof value !== 'object' || value === null) return null;
  const { id, op, line, format, columns, mode, input, text, error } = value as Record<string, unknown>;
  if (typeof id !== 'number' || !Number.isInteger(id) || id < 1 || id > 0xffffffff) return null;
  if (op === 'cancel') return { id, op };
  if (op === 'file')
    return { id, op, text: typeof text === 'string' ? text : null, error: typeof error === 'string' ? error : '' };
  if (typeof line !== 'string' || line.length > LINE_MAX) return null;
  if (op === 'run')
    return {
      id,
      op,
      line,
      format: typeof format === 'string' ? format : 'text',
      columns: typeof columns === 'number' && columns >= 20 && columns <= 10_000 ? Math.floor(columns) : 80,
    };
  if (op === 'edit') return { id, op, line, input: typeof input === 'string' ? input : null };
  if (op === 'complete') return { id, op, line, mode: mode === 'configure' ? 'configure' : 'operate' };
  return null;
}

/** Where a server listens unless told otherwise. */
export const defaultSocketPath = (): string =>
  process.getuid?.() === 0 ? '/run/wasm-lns.sock' : `/tmp/wasm-lns-${process.getuid?.() ?? 0}.sock`;

/** One client at the server. */
class Client {
  readonly #socket: Socket;
  readonly #conversation: Conversation;
  readonly #running = new Map<number, AbortController>();
  /** Files that were asked for, by request. */
  readonly #files = new Map<number, { resolve(text: string): void; reject(error: Error): void }>();

  constructor(socket: Socket, conversation: Conversation, broken: (reason: string) => void) {
    this.#socket = socket;
    this.#conversation = conversation;
    onFrames(
      socket,
      REQUEST_MAX,
      (value) => {
        const request = parseRequest(value);
        if (request === null) broken('a frame is no request');
        else if (request.op === 'cancel') this.#running.get(request.id)?.abort();
        else if (request.op === 'file') {
          const waiting = this.#files.get(request.id);
          this.#files.delete(request.id);
          if (request.text === null) waiting?.reject(new Error(request.error));
          else waiting?.resolve(request.text);
        } else void this.#serve(request);
      },
      broken,
    );
    socket.on('close', () => {
      for (const controller of this.#running.values()) controller.abort();
      for (const { reject } of this.#files.values()) reject(new Error('the operator is gone'));
      conversation.close();
    });
    socket.write(frame(conversation.hello));
  }

  async #serve(request: Question): Promise<void> {
    const { id } = request;
    if (this.#running.has(id)) return this.#end(id, { end: 'error', message: `request ${id} is under way already` });
    if (this.#running.size >= REQUESTS_MAX)
      return this.#end(id, { end: 'error', message: `more than ${REQUESTS_MAX} requests are under way` });
    const controller = new AbortController();
    this.#running.set(id, controller);
    const out = async (text: string): Promise<void> => {
      if (this.#socket.destroyed) return;
      this.#socket.write(frame({ id, out: text }));
      if (this.#socket.writableLength > OUTPUT_HIGH_OCTETS) await this.#drained(controller.signal);
    };
    let end: End;
    try {
      end = await this.#conversation.answer(request, {
        out,
        signal: controller.signal,
        file: (ask) =>
          new Promise((resolve, reject) => {
            if (this.#socket.destroyed) return reject(new Error('the operator is gone'));
            this.#files.set(id, { resolve, reject });
            this.#socket.write(frame({ id, file: ask }));
          }),
      });
    } catch (error) {
      end = { end: 'error', message: (error as Error).message };
    }
    this.#running.delete(id);
    this.#end(id, end);
  }
  #end(id: number, end: End): void {
    if (!this.#socket.destroyed) this.#socket.write(frame({ id, ...end }));
  }
  #drained(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#socket.off('drain', done);
        this.#socket.off('close', done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#socket.once('drain', done);
      this.#socket.once('close', done);
      signal.addEventListener('abort', done);
    });
  }
}

/** Is somebody listening on the path? */
const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(true);
    });
    probe.on('error', () => resolve(false));
  });

/** Serves the CLI on a Unix socket of mode 0660. @throws SystemError, ConfigError where path or group cannot be used */
export async function serveCli(options: ServeOptions): Promise<{ close(): Promise<void> }> {
  const { path } = options;
  const group = options.group == null ? null : groupId(options.group);
  if (options.group != null && group === null) throw new ConfigError(`there is no group ${options.group}`);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found !== undefined) {
    if (!found.isSocket()) throw new SystemError(`${path} is there and is no socket; give another --socket`, 'EEXIST');
    // A socket that nobody answers is left over from a process that is gone.
    if (await answers(path))
      throw new SystemError(`another server answers on ${path}; give this one its own --socket`, 'EADDRINUSE');
    unlinkSync(path);
  }
  const ffi = openFfi();
  const sockets = new Set<Socket>();
  const byUser = new Map<number, number>();
  const server: Server = createServer((socket) => {
    const credentials = ffi === null ? null : peerCredentials(ffi, socket);
    const uid = credentials?.uid;
    const refuse = (message: string): void => {
      options.refused?.(message, uid);
      socket.on('error', () => socket.destroy());
      // Read to the end, so that the reason arrives before the reset.
      socket.resume();
      socket.end(frame({ id: 0, end: 'error', message } satisfies Answer));
      setTimeout(() => socket.destroy(), 1000).unref();
    };
    if (sockets.size >= CONNECTIONS_MAX) return refuse('too many connections');
    const own = uid === undefined ? 0 : (byUser.get(uid) ?? 0);
    if (uid !== undefined && uid !== 0 && own >= CONNECTIONS_PER_USER_MAX)
      return refuse(`too many connections of one user (${CONNECTIONS_PER_USER_MAX})`);
    const push = (text: string): void => {
      if (!socket.destroyed && socket.writableLength < PUSH_MAX_OCTETS) socket.write(frame({ push: text }));
    };
    const conversation = options.open(credentials, push);
    if (conversation === null) return refuse('permission denied: no login for this user');
    sockets.add(socket);
    if (uid !== undefined) byUser.set(uid, own + 1);
    socket.on('close', () => {
      sockets.delete(socket);
      if (uid === undefined) return;
      const left = byUser.get(uid)! - 1;
      if (left === 0) byUser.delete(uid);
      else byUser.set(uid, left);
    });
    let gone = false;
    new Client(socket, conversation, (reason) => {
      if (gone) return;
      gone = true;
      options.refused?.(reason, uid);
      socket.end(frame({ id: 0, end: 'error', message: reason } satisfies Answer));
      setTimeout(() => socket.destroy(), 1000).unref();
    });
  });
  // Nobody but the owner gets in before mode and group are set.
  const mask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) =>
        reject(new SystemError(`cannot listen on ${path}: ${error.message}`, error.code ?? 'EIO')),
      );
      server.listen(path, () => resolve());
      process.umask(mask);
    });
    if (group !== null) chownSync(path, process.getuid?.() ?? -1, group);
    chmodSync(path, 0o660);
  } catch (error) {
    server.close();
    throw error instanceof SystemError
      ? error
      : new SystemError(
          `cannot use ${path}: ${(error as Error).message}`,
          (error as NodeJS.ErrnoException).code ?? 'EIO',
        );
  } finally {
    process.umask(mask);
  }
  return {
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** A request under way at the client. */
interface Waiting {
  out(text: string): void;
  end(end: End): void;
}
const LOST: End = { end: 'error', message: 'the server closed the connection' };

/** A connection to a server's socket. */
export class CliClient {
  readonly hello: Hello;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;
  /** Text that no command asked for: files that are followed. */
  onPush: (text: string) => void = () => {};
  onClose: () => void = () => {};
  /** Reads or writes a file of the operator's for a command; what it throws is told. */
  onFile: (ask: AskFile) => string = () => {
    throw new Error('files are not to be had here');
  };

  private constructor(socket: Socket, hello: Hello) {
    this.#socket = socket;
    this.hello = hello;
  }

  /** @throws ConfigError where no server answers on `path`, or it sends us away */
  static async open(path: string): Promise<CliClient> {
    const socket = connect(path);
    return new Promise((resolve, reject) => {
      let client: CliClient | null = null;
      const refuse = (message: string): void => {
        socket.destroy();
        reject(new ConfigError(message));
      };
      socket.once('error', (error: NodeJS.ErrnoException) =>
        refuse(
          error.code === 'EACCES'
            ? `permission denied on ${path}`
            : `no server answers on ${path} (is 'lns run' up, and --socket the same?)`,
        ),
      );
      socket.once('close', () => refuse(`the server on ${path} closed the connection`));
      onFrames(
        socket,
        ANSWER_MAX,
        (value) => {
          const answer = value as Answer;
          if (client !== null) return client.#take(answer);
          if ('hello' in answer) {
            client = new CliClient(socket, answer);
            socket.on('close', () => client!.#lost());
            resolve(client);
          } else if ('end' in answer && answer.end === 'error') refuse(answer.message);
        },
        () => refuse(`what answers on ${path} is no server of ours`),
      );
    });
  }
  #take(answer: Answer): void {
    if ('push' in answer) return this.onPush(answer.push);
    if (!('id' in answer)) return;
    const waiting = this.#waiting.get(answer.id);
    if (waiting === undefined) return;
    if ('out' in answer) return waiting.out(answer.out);
    if ('file' in answer) {
      let reply: { text: string | null; error: string };
      try {
        reply = { text: this.onFile(answer.file), error: '' };
      } catch (error) {
        reply = { text: null, error: (error as Error).message };
      }
      const octets = frame({ id: answer.id, op: 'file', ...reply });
      if (octets.length > REQUEST_MAX)
        this.#socket.write(frame({ id: answer.id, op: 'file', text: null, error: 'the file is too large' }));
      else this.#socket.write(octets);
      return;
    }
    this.#waiting.delete(answer.id);
    waiting.end(answer);
  }
  #lost(): void {
    for (const { end } of this.#waiting.values()) end(LOST);
    this.#waiting.clear();
    this.onClose();
  }

  /** Asks; `out` takes the pieces of output. An aborted request still ends, as the server says. */
  ask(request: RequestBody, out: (text: string) => void = () => {}, signal?: AbortSignal): Promise<End> {
    return new Promise((resolve) => {
      if (this.#socket.destroyed) return resolve(LOST);
      this.#next = (this.#next % 0xffffffff) + 1;
      const id = this.#next;
      const cancel = (): void => void this.#socket.write(frame({ id, op: 'cancel' }));
      signal?.addEventListener('abort', cancel);
      this.#waiting.set(id, {
        out,
        end: (end) => {
          signal?.removeEventListener('abort', cancel);
          resolve(end);
        },
      });
      this.#socket.write(frame({ id, ...request }));
    });
  }
  /** Stops reading while the terminal does not take more. */
  pause(): void {
    this.#socket.pause();
  }
  resume(): void {
    this.#socket.resume();
  }
  close(): void {
    this.#socket.destroy();
  }
}
/** A request without its number. */
export type RequestBody =
  | { op: 'run'; line: string; format: string; columns: number }
  | { op: 'edit'; line: string; input: string | null }
  | { op: 'complete'; line: string; mode: 'operate' | 'configure' };
