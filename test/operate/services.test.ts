import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { stopFollowing } from '../../src/operate/commands/terminal.ts';
import type { LogFiles } from '../../src/operate/types.ts';
import { LogDirectory } from '../../src/trace/directory.ts';
import { configuration, Pair } from '../server/pair.ts';
import { desk } from './desk.ts';

const radius = `profile extra { authentication-order radius; accounting-order radius;
  radius-server 192.0.2.200 { secret "s"; timeout 2; retry 4; } client y { chap-secret "z"; } }
  radius-server 192.0.2.201 { port 1645; secret "s"; }`;

test('show services l2tp radius: servers once each, statistics by profile, both kinds or one', async (t) => {
  const pair = await Pair.start(
    configuration({
      access: radius,
      client: 'shared-secret "test secret"; ppp-profile extra;',
    }),
  );
  t.after(() => pair.close());
  const { ask, fault, possible } = desk(pair.lns);
  // The second takes Accounting-On for its profile, and does not answer.
  assert.equal(
    await ask('show services l2tp radius servers'),
    `RADIUS Authentication Servers
IP Address       State   UDP   Retry  Timeout  Pending   Maximum   Dead   Secret
                         Port  Count  (secs)   Requests  Sessions  Time
192.0.2.201      Active  1645      3        3         0       255    300   ****
192.0.2.200      Active  1812      4        2         0       255    300   ****

RADIUS Accounting Servers
IP Address       State   UDP   Retry  Timeout  Pending   Maximum   Dead   Secret
                         Port  Count  (secs)   Requests  Sessions  Time
192.0.2.201      Active  1813      3        3         0       255    300   ****
192.0.2.200      Active  1813      4        2         1       255    300   ****
`,
  );
  const statistics = await ask('show services l2tp radius authentication statistics');
  assert.match(
    statistics,
    /^RADIUS Authentication Servers\nProfile name: users, IP Address: 192\.0\.2\.201, UDP Port: 1645\n {2}Access requests: 0, Rollover requests: 0, Retransmissions: 0\n {2}Access accepts: 0, Access rejects: 0, Access challenges: 0\n/,
  );
  assert.match(statistics, /Profile name: extra, IP Address: 192\.0\.2\.200/);
  const xml = await ask('show services l2tp radius accounting statistics', 'xml');
  assert.match(
    xml,
    /<services-l2tp-radius-accounting-statistics-information>\s+<radius-accounting-statistic-information-entry>/,
  );
  assert.match(xml, /<radius-statistic-start-requests>\d+<\/radius-statistic-start-requests>/);
  assert.equal((await fault('show services l2tp radius')).message, 'syntax error, expecting <command>.');
  assert.deepEqual(possible('show services l2tp radius '), ['accounting', 'authentication', 'servers', 'statistics']);
});

test('show log, monitor start, list and stop, over the files of the log directory', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lns-logs-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const pair = await Pair.start();
  t.after(() => pair.close());
  const logs: LogFiles = new LogDirectory(folder, () => {});
  writeFileSync(join(folder, 'l2tpd'), 'first line\n');
  const { ask, possible, operator } = desk(pair.lns, { logs });
  assert.equal(await ask('show log l2tpd'), 'first line\n');
  assert.match(await ask('show log'), /^ +11 \S+Z l2tpd\n$/);
  assert.deepEqual(possible('show log l'), ['<filename>', 'l2tpd']);
  await assert.rejects(ask('show log ../secret'), /could not resolve file/);
  await assert.rejects(ask('monitor start l2tpd'), /needs a terminal/);
  const connection = new Map<string, unknown>();
  let pushed = '';
  const options = {
    connection,
    push: (text: string) => {
      pushed += text;
    },
  };
  const file = (logs as LogDirectory).open('l2tpd', { sizeOctets: 1 << 20, files: 2, worldReadable: false });
  t.after(() => file.close());
  await ask('monitor start l2tpd', 'text', options);
  assert.equal(await ask('monitor list', 'text', options), 'monitor start "l2tpd"\n');
  const later = () => new Promise((resolve) => setTimeout(resolve, 250));
  file.write(Buffer.from('second line\n'));
  file.write(Buffer.from('and one more\n'));
  await later();
  assert.equal(pushed, '\n*** l2tpd ***\nsecond line\nand one more\n');
  await ask('monitor stop', 'text', options);
  file.write(Buffer.from('third line\n'));
  await later();
  assert.doesNotMatch(pushed, /third/);
  await ask('monitor start l2tpd', 'text', options);
  stopFollowing(connection);
  file.write(Buffer.from('fourth line\n'));
  await later();
  assert.doesNotMatch(pushed, /fourth/);
  await file.flush();
  appendFileSync(join(folder, 'l2tpd'), '');
  assert.match(await ask('show log l2tpd'), /fourth line\n$/);
  const view = desk(pair.lns, { logs }, 'view');
  assert.ok(!view.possible('show ').includes('log'), 'traces may tell of users: not for everybody');
  assert.ok(operator !== undefined);
});

test('ping: one line an answer, then what was lost; Ctrl-C ends it; rapid prints marks', async (t) => {
  const pair = await Pair.start();
  t.after(() => pair.close());
  const asked: string[] = [];
  const { ask } = desk(pair.lns, {
    echo: {
      echo: async (address, sequence, octets) => {
        asked.push(`${address} ${octets}`);
        return sequence === 1 ? null : { ms: 1.5 + sequence, ttl: 64 };
      },
    },
  });
  assert.equal(
    await ask('ping 192.0.2.65 count 3 rapid'),
    `PING 192.0.2.65 (192.0.2.65): 56 data bytes
!.!

--- 192.0.2.65 ping statistics ---
3 packets transmitted, 2 packets received, 33% packet loss
round-trip min/avg/max/stddev = 1.500/2.500/3.500/1.000 ms
`,
  );
  assert.deepEqual(asked, Array(3).fill('192.0.2.65 56'));
  assert.match(
    await ask('ping 192.0.2.65 count 1 size 100'),
    /\n108 bytes from 192\.0\.2\.65: icmp_seq=0 ttl=64 time=1\.500 ms\n/,
  );
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 50);
  assert.match(
    await ask('ping 192.0.2.65', 'text', { signal: stop.signal }),
    /1 packets transmitted, 1 packets received/,
  );
});

test('restart names what it begins anew', async (t) => {
  const pair = await Pair.start();
  t.after(() => pair.close());
  const { ask, possible } = desk(pair.lns, {
    processes: { names: [{ name: 'l2tpd-service', help: 'L2TP' }], restart: async (name) => `${name} restarted` },
  });
  assert.deepEqual(possible('restart '), ['<process>', 'l2tpd-service']);
  assert.equal(await ask('restart l2tpd-service'), 'l2tpd-service restarted\n');
  await assert.rejects(ask('restart frob'), /no process frob/);
});

test('request chassis pic and request interfaces: what the services PICs do shows in every command', async (t) => {
  const worked = readFileSync(new URL('../config/worked/4-redundant-interface.conf', import.meta.url), 'utf8').replace(
    /address \d+\.\d+\.\d+\.\d+;/,
    'address 127.0.0.1;',
  );
  const pair = await Pair.start(worked);
  t.after(() => pair.close());
  const { ask } = desk(pair.lns, { pics: pair.lns.services, switchover: pair.lns.services });
  const [redundant] = pair.lns.services.interfaces();
  const { name, primary, secondary } = redundant!;
  const status = async (): Promise<string> => (await ask('show interfaces redundancy')).split('\n')[1]!;
  assert.match(await status(), new RegExp(`^${name} +On primary +.*${primary} +${secondary} +both up$`));
  const [, fpc, pic] = /^sp-(\d)\/(\d)\/0$/.exec(primary)!;
  assert.match(
    await ask(`request chassis pic offline fpc-slot ${fpc} pic-slot ${pic}`),
    /offline initiated, use "show chassis fpc pic-status \d" to verify\n$/,
  );
  assert.match(await status(), / On secondary .* primary down$/);
  assert.match(
    await ask(`show chassis fpc pic-status ${fpc}`),
    new RegExp(`^Slot ${fpc} .*\n(.*\n)*? {2}PIC ${pic} {2}Offline `),
  );
  assert.doesNotMatch(await ask(`show chassis fpc pic-status ${fpc}`), new RegExp(`PIC ${pic} {2}Online`));
  assert.match(await ask(`show interfaces terse ${name}`), new RegExp(`\n${name} +up +up\n`), 'the secondary works');
  await assert.rejects(ask(`request interfaces revert ${name}`), /./);
  await assert.rejects(ask('request interfaces switchover rsp9'), /./);
  await assert.rejects(ask('request chassis pic offline fpc-slot 9 pic-slot 0'), /./);
  await assert.rejects(ask('request chassis pic offline fpc-slot 0'), /pic-slot/);
});
