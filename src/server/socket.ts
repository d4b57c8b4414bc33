import { chmodSync, existsSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { Packr } from 'msgpackr';
import { ConfigError, SystemError } from '../errors.ts';

/** A command of the CLI, as words. */
export interface CommandRequest {
  readonly words: readonly string[];
  readonly json: boolean;
}
/** What it prints, or why it could not be done. */
export interface CommandReply {
  readonly ok: boolean;
  readonly text: string;
}

const packr = new Packr({ structuredClone: false, useRecords: false });
/** A frame: u32 octets in network order, then msgpack. */
const FRAME_MAX = 64 << 20;

function frame(value: unknown): Buffer {
  const body = packr.pack(value);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  return Buffer.concat([head, body]);
}

/** Reads frames off a stream. */
function onFrames(socket: Socket, take: (value: unknown) => void): void {
  let pending: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    while (pending.length >= 4) {
      const length = pending.readUInt32BE(0);
      if (length > FRAME_MAX) {
        socket.destroy();
        return;
      }
      if (pending.length < 4 + length) return;
      let value: unknown;
      try {
        value = packr.unpack(pending.subarray(4, 4 + length));
      } catch {
        socket.destroy();
        return;
      }
      pending = pending.subarray(4 + length);
      take(value);
    }
  });
  socket.on('error', () => socket.destroy());
}

/** Where a server listens unless told otherwise. */
export const defaultSocketPath = (): string =>
  process.getuid?.() === 0 ? '/run/wasm-lns.sock' : `/tmp/wasm-lns-${process.getuid?.() ?? 0}.sock`;

/** Serves commands on a Unix socket of mode 0660. @throws SystemError where the path cannot be used */
export async function serveCommands(
  path: string,
  execute: (request: CommandRequest) => CommandReply,
): Promise<{ close(): Promise<void> }> {
  if (existsSync(path)) {
    // A socket that nobody answers is left over from a process that is gone.
    const alive = await new Promise<boolean>((resolve) => {
      const probe = connect(path, () => {
        probe.destroy();
        resolve(true);
      });
      probe.on('error', () => resolve(false));
    });
    if (alive) throw new SystemError(`another server answers on ${path}; give this one its own --socket`, 'EADDRINUSE');
    unlinkSync(path);
  }
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    onFrames(socket, (value) => {
      const request = value as Partial<CommandRequest> | null;
      const words = Array.isArray(request?.words) ? request.words.map(String) : [];
      let reply: CommandReply;
      try {
        reply = execute({ words, json: request?.json === true });
      } catch (error) {
        reply = { ok: false, text: `error: ${(error as Error).message}` };
      }
      socket.write(frame(reply));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(new SystemError(`cannot listen on ${path}: ${error.message}`, error.code ?? 'EIO')),
    );
    server.listen(path, () => resolve());
  });
  chmodSync(path, 0o660);
  return {
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** A connection to a server's command socket. */
export class CommandClient {
  readonly #socket: Socket;
  readonly #waiting: ((reply: CommandReply) => void)[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    onFrames(socket, (value) => this.#waiting.shift()?.(value as CommandReply));
    socket.on('close', () => {
      for (const resolve of this.#waiting.splice(0))
        resolve({ ok: false, text: 'error: the server closed the connection' });
    });
  }
  /** @throws ConfigError where no server answers on `path` */
  static async open(path: string): Promise<CommandClient> {
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', () =>
        reject(new ConfigError(`no server answers on ${path} (is 'lns run' up, and --socket the same?)`)),
      );
    });
    return new CommandClient(socket);
  }
  run(request: CommandRequest): Promise<CommandReply> {
    return new Promise((resolve) => {
      if (this.#socket.destroyed) return resolve({ ok: false, text: 'error: the server closed the connection' });
      this.#waiting.push(resolve);
      this.#socket.write(frame(request));
    });
  }
  close(): void {
    this.#socket.destroy();
  }
}
