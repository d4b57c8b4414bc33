import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pack, unpack } from 'msgpackr';
import type { PeerCredentials } from '../../src/io/credentials.ts';
import { userOf } from '../../src/operate/access.ts';
import { CliClient, type Conversation, type ServeOptions, serveCli } from '../../src/server/socket.ts';

interface Served {
  path: string;
  refused: string[];
  seen: (PeerCredentials | null)[];
  open: number;
  pushes: ((text: string) => void)[];
}
/** A server whose commands are `echo TEXT`, `flood N`, `wait` (until Ctrl-C) and `throw`. */
async function served(t: TestContext, options: Partial<ServeOptions> = {}): Promise<Served> {
  const folder = mkdtempSync(join(tmpdir(), 'lns-socket-'));
  const state: Served = { path: join(folder, 'socket'), refused: [], seen: [], open: 0, pushes: [] };
  const conversation = (): Conversation => {
    state.open++;
    return {
      hello: { hello: 1, host: 'h', user: 'u', class: 'full', version: '0' },
      answer: async (request, { out, signal, file }) => {
        if (!('line' in request)) throw new Error('no line');
        const [verb, rest] = [request.line.split(' ')[0], request.line.slice(request.line.indexOf(' ') + 1)];
        if (verb === 'echo') await out(rest);
        else if (verb === 'flood')
          for (let n = Number(rest); n > 0 && !signal.aborted; n--) await out('x'.repeat(32_768));
        else if (verb === 'wait')
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        else if (verb === 'read') await out(await file({ do: 'read', path: rest }));
        else if (verb === 'throw') throw new Error('a fault of ours');
        return { end: 'done', value: { aborted: signal.aborted } };
      },
      close: () => {
        state.open--;
      },
    };
  };
  const server = await serveCli({
    path: state.path,
    open: (credentials, push) => {
      state.seen.push(credentials);
      state.pushes.push(push);
      return conversation();
    },
    refused: (reason) => state.refused.push(reason),
    ...options,
  });
  t.after(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return state;
}
const run = (line: string) => ({ op: 'run', line, format: 'text', columns: 80 }) as const;
async function ask(client: CliClient, line: string): Promise<[string, unknown]> {
  let text = '';
  const end = await client.ask(run(line), (piece) => {
    text += piece;
  });
  return [text, end];
}
async function until(condition: () => boolean): Promise<void> {
  for (let n = 0; n < 400 && !condition(); n++) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(condition());
}
const frameOf = (value: unknown): Buffer => {
  const body = pack(value);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  return Buffer.concat([head, body]);
};
/** A bare client; collects the frames that come. */
function bare(path: string): { socket: Socket; frames: Record<string, unknown>[]; closed: Promise<void> } {
  const socket = connect(path);
  const frames: Record<string, unknown>[] = [];
  let held = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    held = Buffer.concat([held, chunk]);
    while (held.length >= 4 && held.length >= 4 + held.readUInt32BE(0)) {
      frames.push(unpack(held.subarray(4, 4 + held.readUInt32BE(0))));
      held = held.subarray(4 + held.readUInt32BE(0));
    }
  });
  socket.on('error', () => {});
  return { socket, frames, closed: new Promise((resolve) => socket.on('close', () => resolve())) };
}

test('the socket has mode 0660 and its group; the peer is who the kernel says', async (t) => {
  const { path, seen } = await served(t, { group: String(process.getgid!()) });
  assert.equal(statSync(path).mode & 0o777, 0o660);
  assert.equal(statSync(path).gid, process.getgid!());
  const client = await CliClient.open(path);
  assert.equal(client.hello.user, 'u');
  assert.equal(seen[0]!.uid, process.getuid!());
  assert.equal(seen[0]!.gid, process.getgid!());
  assert.equal(seen[0]!.pid, process.pid);
  // getgroups() names the primary group as well.
  for (const group of seen[0]!.groups) assert.ok(process.getgroups!().includes(group));
  client.close();
  await assert.rejects(serveCli({ path, open: () => null }), /another server answers/);
  await assert.rejects(serveCli({ path: `${path}2`, group: 'no-such-group', open: () => null }), /no group/);
});

test('a socket left over by a process that is gone is taken over', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lns-socket-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'stale');
  // A process that dies with its socket open leaves the file behind.
  spawnSync(process.execPath, [
    '-e',
    `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`,
  ]);
  assert.ok(statSync(path).isSocket());
  const server = await serveCli({ path, open: () => null });
  assert.ok(statSync(path).isSocket());
  await server.close();
});

test('several requests are in flight at once; Ctrl-C ends one and no other', async (t) => {
  const { path } = await served(t);
  const client = await CliClient.open(path);
  const stop = new AbortController();
  const waiting = client.ask(run('wait'), () => {}, stop.signal);
  const other = client.ask(run('wait'), () => {});
  assert.deepEqual(await ask(client, 'echo one'), ['one', { id: 3, end: 'done', value: { aborted: false } }]);
  stop.abort();
  assert.deepEqual(await waiting, { id: 1, end: 'done', value: { aborted: true } });
  assert.deepEqual((await ask(client, 'throw'))[1], { id: 4, end: 'error', message: 'a fault of ours' });
  client.close();
  assert.deepEqual(await other, { end: 'error', message: 'the server closed the connection' });
});

test('a client that does not read holds up its own command, not the memory and not the others', async (t) => {
  const { path } = await served(t);
  const slow = await CliClient.open(path);
  slow.pause();
  const flood = ask(slow, 'flood 2000');
  const quick = await CliClient.open(path);
  const before = process.memoryUsage().rss;
  for (let n = 0; n < 50; n++) assert.equal((await ask(quick, `echo ${n}`))[0], String(n));
  assert.ok(process.memoryUsage().rss - before < 40e6);
  slow.resume();
  assert.equal((await flood)[0].length, 2000 * 32_768);
  slow.close();
  quick.close();
});

test('garbage, oversized frames and wrong requests end that connection alone, with the reason', async (t) => {
  const state = await served(t);
  const good = await CliClient.open(state.path);
  const huge = Buffer.alloc(4);
  huge.writeUInt32BE(0x7fffffff);
  for (const [octets, reason] of [
    [huge, /more than 8388608/],
    [Buffer.concat([Buffer.from([0, 0, 0, 1]), Buffer.from([0xc1])]), /not msgpack|no request/],
    [frameOf(null), /no request/],
    [frameOf({ id: 0, op: 'run', line: 'x' }), /no request/],
    [frameOf({ id: 1, op: 'frob', line: 'x' }), /no request/],
    [frameOf({ id: 1, op: 'run', line: 7 }), /no request/],
    [frameOf({ id: 1, op: 'run', line: 'x'.repeat(70_000) }), /no request/],
  ] as const) {
    const { socket, frames, closed } = bare(state.path);
    socket.write(octets);
    await closed;
    const last = frames.at(-1)!;
    assert.equal(last.end, 'error');
    assert.match(String(last.message), reason);
  }
  // A frame in single octets, and half a frame.
  const { socket, frames } = bare(state.path);
  for (const octet of frameOf({ id: 9, op: 'run', line: 'echo slowly' })) socket.write(Buffer.from([octet]));
  await until(() => frames.some((one) => one.end === 'done'));
  assert.equal(frames[1]!.out, 'slowly');
  socket.write(Buffer.from([0, 0]));
  assert.equal((await ask(good, 'echo fine'))[0], 'fine');
  socket.destroy();
  good.close();
  await until(() => state.open === 0);
  assert.equal(state.refused.length, 7);
});

test('a command reads a file with the rights of the client, not of the server', async (t) => {
  const { path } = await served(t);
  const client = await CliClient.open(path);
  client.onFile = ({ do: what, path: name }) => {
    if (name === 'none') throw new Error('no such file');
    return `${what} ${name}`;
  };
  assert.equal((await ask(client, 'read a.conf'))[0], 'read a.conf');
  assert.deepEqual((await ask(client, 'read none'))[1], { id: 2, end: 'error', message: 'no such file' });
  client.close();
});

test('too many requests of one connection are refused one by one', async (t) => {
  const { path } = await served(t);
  const client = await CliClient.open(path);
  const waiting = Array.from({ length: 32 }, () => client.ask(run('wait')));
  assert.match(JSON.stringify((await ask(client, 'echo x'))[1]), /more than 32 requests/);
  client.close();
  await Promise.all(waiting);
});

test('pushed text reaches the client between answers; whoever has no place is sent away with a reason', async (t) => {
  const state = await served(t);
  const client = await CliClient.open(state.path);
  let pushed = '';
  client.onPush = (text) => {
    pushed += text;
  };
  state.pushes[0]!('*** messages ***\n');
  await until(() => pushed !== '');
  client.close();
  const closed = await served(t, { open: () => null });
  await assert.rejects(CliClient.open(closed.path), /permission denied: no login for this user/);
});

test('classes by uid, by primary and by supplementary group; the first rule counts; without rules the mode decides', () => {
  const peer = (uid: number, gid: number, groups: number[] = []): PeerCredentials => ({ pid: 1, uid, gid, groups });
  const name = (uid: number): string => `u${uid}`;
  const rules = [
    { name: 'kim', uid: 2001, gid: null, permission: 'full' },
    { name: 'out', uid: 2002, gid: null, permission: 'none' },
    { name: 'ops', uid: null, gid: 300, permission: 'operate' },
    { name: 'look', uid: null, gid: 400, permission: 'view' },
  ] as const;
  const of = (credentials: PeerCredentials | null, list: readonly (typeof rules)[number][] = rules) =>
    userOf(credentials, list, 900, name);
  assert.deepEqual(of(peer(2001, 1)), { name: 'kim', class: 'full' });
  assert.equal(of(peer(2002, 300)), null);
  assert.deepEqual(of(peer(2003, 300)), { name: 'u2003', class: 'operate' });
  assert.deepEqual(of(peer(2004, 5, [400])), { name: 'u2004', class: 'view' });
  assert.deepEqual(of(peer(2005, 5, [400, 300])), { name: 'u2005', class: 'operate' });
  assert.equal(of(peer(2006, 5)), null);
  assert.deepEqual(of(peer(0, 0)), { name: 'u0', class: 'full' });
  assert.deepEqual(of(peer(900, 900)), { name: 'u900', class: 'full' });
  assert.deepEqual(of(peer(2006, 5), []), { name: 'u2006', class: 'full' });
  assert.equal(of(null), null);
  assert.deepEqual(of(null, []), { name: 'operator', class: 'full' });
});
