// The Linux kernel's L2TP and PPP (xl2tpd, pppd) in User-Mode Linux against the LNS on a TUN device.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Freeradius } from '../support/freeradius.ts';
import { needs } from '../support/needs.ts';
import { configuration, HOST_ADDRESS, Lab, OWN_ADDRESS, POOL_FIRST } from './lab.ts';

const PEERS = ['root', 'user-mode-linux', 'xl2tpd', 'pppd', 'ip', 'busybox', 'iperf3', 'tcpdump'];

/** Some MB each way over TCP and UDP, and what arrived. */
const TRANSFER = `
ping -c 3 -i 0.2 -s 1400 ${HOST_ADDRESS}
ping -c 3 -i 0.2 -s 1472 ${HOST_ADDRESS}
ping -c 20 -i 0.1 -q -s 56 ${OWN_ADDRESS} | tail -2
cat /host/up.bin >/dev/tcp/${HOST_ADDRESS}/9001; echo SENT-UP
cat </dev/tcp/${HOST_ADDRESS}/9002 >/tmp/down.bin; echo DOWN-SHA $(sha256sum </tmp/down.bin)
iperf3 -c ${HOST_ADDRESS} -t 2 | grep -E 'sender|receiver' | sed 's/^/TCP up   /'
iperf3 -R -c ${HOST_ADDRESS} -t 2 | grep -E 'sender|receiver' | sed 's/^/TCP down /'
iperf3 -u -b 8M -l 1390 -c ${HOST_ADDRESS} -t 2 | grep receiver | sed 's/^/UDP up   /'
iperf3 -u -b 8M -l 1390 -R -c ${HOST_ADDRESS} -t 2 | grep receiver | sed 's/^/UDP down /'
sleep 2; echo ECHOES $(grep -c 'rcvd .LCP EchoRep' /tmp/ppp.log) DNS $(tr '\\n' ' ' </etc/ppp/resolv.conf)
`;

test('a Linux kernel client dials in with CHAP: pings, TCP and UDP pass both ways intact', async (t) => {
  if (!needs(t, ...PEERS)) return;
  const lab = new Lab();
  try {
    await lab.startLns(configuration('chap'));
    const up = randomBytes(6 << 20);
    const down = randomBytes(6 << 20);
    const shaOf = (octets: Buffer): string =>
      execFileSync('sha256sum', { input: octets, encoding: 'utf8' }).split(' ')[0]!;
    writeFileSync(join(lab.folder, 'down.bin'), down);
    lab.background(lab.host, 'sh', '-c', `sleep 60 | busybox nc -l -p 9001 >${join(lab.folder, 'up.got')}`);
    lab.background(lab.host, 'sh', '-c', `busybox nc -l -p 9002 <${join(lab.folder, 'down.bin')}`);
    lab.background(lab.host, 'iperf3', '-s');
    const output = await lab.dial({
      after: TRANSFER,
      files: { 'up.bin': up },
    });
    console.log(
      output
        .split('\n')
        .filter((line) => !line.startsWith('LOG'))
        .join('\n'),
    );
    assert.match(output, new RegExp(`PPP-UP ${POOL_FIRST} ${OWN_ADDRESS}`));
    const pings = [...output.matchAll(/(\d+) packets transmitted, (\d+) (?:packets )?received/g)];
    assert.equal(pings.length, 3);
    for (const [, sent, received] of pings) assert.equal(received, sent);
    assert.equal(shaOf(readFileSync(join(lab.folder, 'up.got'))), shaOf(up), 'the octets sent up arrived as they were');
    assert.match(output, new RegExp(`DOWN-SHA ${shaOf(down)}`), 'and those sent down');
    for (const direction of ['up', 'down']) {
      // Contents are the kernel's business (UDP checksums); a busy machine may drop a few on the way.
      const [, lost, sent] = new RegExp(`UDP ${direction} .* (\\d+)/(\\d+) \\(`).exec(output)!;
      assert.ok(
        Number(sent) > 1000 && Number(lost) <= Number(sent) * 0.05,
        `UDP ${direction}: ${lost} of ${sent} lost`,
      );
    }
    const echoes = Number(/ECHOES (\d+)/.exec(output)![1]);
    assert.ok(echoes >= 1, `LCP Echo-Requests were answered (${echoes})`);
    assert.match(output, /DNS .*192\.0\.2\.53.*192\.0\.2\.54/);
    assert.match(lab.log, /session-up .*user=alice method=chap-md5/);
    assert.match(lab.log, /tunnel-down .*by=peer/);
  } finally {
    await lab.close();
  }
});

test('PAP works as well; a packet larger than the MRU with DF is answered by ICMP; the end takes all away', async (t) => {
  if (!needs(t, ...PEERS)) return;
  const lab = new Lab();
  try {
    await lab.startLns(configuration('pap'));
    assert.match(lab.inLns('ip', 'route'), /100\.64\.0\.0\/24 dev lns0/);
    const guest = lab.dial({ after: `ping -c 2 -s 1400 ${HOST_ADDRESS}; sleep 6` });
    for (let n = 0; n < 300 && !lab.log.includes('session-up'); n++)
      await new Promise((resolve) => setTimeout(resolve, 100));
    assert.match(lab.log, /session-up .*method=pap/);
    assert.match(lab.show('tunnel'), /Established/);
    assert.match(lab.show('session', 'extensive'), /Username: alice/);
    // The client's kernel answers, by the way of its session.
    assert.match(lab.cli(`ping ${POOL_FIRST} rapid count 3`), /!!!\n[\s\S]* 3 packets received, 0% packet loss/);
    let answer = '';
    try {
      answer = lab.inHost('ping', '-c', '2', '-i', '0.3', '-W', '1', '-M', 'do', '-s', '1460', POOL_FIRST);
    } catch (error) {
      answer = String((error as { stdout?: string }).stdout);
    }
    assert.match(
      answer,
      /From 100\.64\.255\.1 .*Frag needed and DF set \(mtu = 1450\)|mtu = 1450|message too long, mtu=1450/i,
    );
    const capture = join(lab.folder, 'end.pcap');
    const tcpdump = lab.background(
      lab.lns,
      'tcpdump',
      '-i',
      'lac0',
      '-w',
      capture,
      '-U',
      '--immediate-mode',
      '-s',
      '4096',
      '-B',
      '16384',
      'udp',
      'port',
      '1701',
    );
    // It has its socket once it has begun the file.
    for (let tries = 0; tries < 200 && !existsSync(capture); tries++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.equal(await lab.stopLns(), 0);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const ended = new Promise((resolve) => tcpdump.once('exit', resolve));
    tcpdump.kill('SIGINT');
    await ended;
    const frames = execFileSync('tcpdump', ['-nn', '-v', '-r', capture], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    assert.match(frames, /192\.0\.2\.17\.1701 > 192\.0\.2\.18\.1701:[\s\S]*StopCCN/);
    assert.doesNotMatch(lab.inLns('ip', 'route'), /lns0/);
    assert.doesNotMatch(lab.inLns('ip', '-br', 'link'), /lns0/);
    const output = await guest;
    assert.match(output, /2 packets transmitted, 2 received/);
  } finally {
    await lab.close();
  }
});

test('a wrong password is refused, and so is an unknown user', async (t) => {
  if (!needs(t, ...PEERS)) return;
  const lab = new Lab();
  try {
    await lab.startLns(configuration('chap'));
    assert.match(await lab.dial({ password: 'looking glass' }), /PPP-FAILED/);
    assert.match(lab.log, /authentication-failed .*user=alice .*reason="wrong password"/);
    assert.match(lab.log, /session-failed .*by=us reason="wrong password"|session-failed/);
    assert.match(await lab.dial({ user: 'mallory' }), /PPP-FAILED/);
    assert.match(lab.log, /authentication-failed .*user=mallory .*reason="unknown user"/);
    assert.doesNotMatch(lab.log, /session-up|wonderland|looking glass|lab secret/);
    assert.match(lab.show('session'), /^\s*$/);
  } finally {
    await lab.close();
  }
});

test('MS-CHAP version 2 works, the proof of the LNS is believed; a client that refuses it gets the next method', async (t) => {
  if (!needs(t, ...PEERS)) return;
  const lab = new Lab();
  try {
    await lab.startLns(configuration('[ mschap-v2 chap ]'));
    const output = await lab.dial({ after: `ping -c 2 -s 1400 ${HOST_ADDRESS}` });
    assert.match(output, /2 packets transmitted, 2 received/);
    assert.match(output, /rcvd \[CHAP Success id=0x[0-9a-f]+ "S=[0-9A-F]{40} M=Welcome"\]/);
    assert.match(lab.log, /session-up .*user=alice method=mschap-v2/);
    assert.match(await lab.dial({ variables: { OPTIONS: 'refuse-mschap-v2' } }), /PPP-UP/);
    assert.match(lab.log, /session-up .*user=alice method=chap-md5/);
    assert.match(await lab.dial({ password: 'looking glass' }), /rcvd \[CHAP Failure .*E=691 R=0 C=[0-9A-F]{32} V=3/);
  } finally {
    await lab.close();
  }
});

test('PAP, CHAP and MS-CHAP version 2 through freeradius: its address, its route, its accounting', async (t) => {
  if (!needs(t, ...PEERS, 'freeradius')) return;
  const lab = new Lab();
  let radius: Freeradius | null = null;
  try {
    const server = await Freeradius.start({
      namespace: lab.lns,
      users: [
        'alice Cleartext-Password := "wonderland"',
        '\tFramed-IP-Address = 198.51.100.99,',
        '\tFramed-Route = "10.77.0.0/16 0.0.0.0 1"',
        '',
      ].join('\n'),
    });
    radius = server;
    const { access, accounting, secret } = server;
    const methods = ['pap', 'chap', 'mschap-v2'] as const;
    for (const [n, method] of methods.entries()) {
      await lab.startLns(
        configuration(
          method,
          true,
          '',
          `authentication-order radius; accounting-order radius;
          radius-server 127.0.0.1 { port ${access}; accounting-port ${accounting}; secret "${secret}"; }`,
        ),
      );
      const guest = lab.dial({
        after: `ip addr add 10.77.0.1/16 dev lo; ping -c 2 -s 1400 ${HOST_ADDRESS}; ping -c 2 -I 10.77.0.1 ${HOST_ADDRESS}; sleep 1`,
      });
      for (let tries = 0; tries < 600 && !lab.log.includes('session-up'); tries++)
        await new Promise((resolve) => setTimeout(resolve, 100));
      const route = lab.inLns('ip', 'route');
      const output = await guest;
      const names = { pap: 'pap', chap: 'chap-md5', 'mschap-v2': 'mschap-v2' };
      assert.match(lab.log, new RegExp(`session-up .*user=alice method=${names[method]} address=198.51.100.99`));
      assert.match(route, /10\.77\.0\.0\/16 dev lns0 .*metric 1025/);
      const pings = [...output.matchAll(/(\d+) packets transmitted, (\d+) (?:packets )?received/g)];
      assert.deepEqual(
        pings.map(([, sent, received]) => [sent, received]),
        [
          ['2', '2'],
          ['2', '2'],
        ],
        output,
      );
      if (method === 'mschap-v2') assert.match(await lab.dial({ password: 'looking glass' }), /PPP-FAILED/);
      assert.equal(await lab.stopLns(), 0);
      const records: Map<string, string>[] = server.records().filter((record) => record.has('User-Name'));
      assert.deepEqual(
        records.slice(n * 2).map((record) => record.get('Acct-Status-Type')),
        ['Start', 'Stop'],
      );
    }
  } finally {
    await radius?.close();
    await lab.close();
  }
});

test('a wrong tunnel secret is refused', async (t) => {
  if (!needs(t, ...PEERS)) return;
  const lab = new Lab();
  try {
    await lab.startLns(configuration('chap', false));
    assert.match(await lab.dial({ secret: 'another secret' }), /PPP-FAILED/);
    assert.match(lab.log, /tunnel-refused/);
    assert.doesNotMatch(lab.log, /tunnel-up/);
  } finally {
    await lab.close();
  }
});

test('a user with a fixed address outside the pools gets a route of its own, for as long as it is up', async (t) => {
  if (!needs(t, ...PEERS)) return;
  const lab = new Lab();
  try {
    await lab.startLns(configuration('chap'));
    const guest = lab.dial({ user: 'fixed', after: `ping -c 2 -s 100 ${HOST_ADDRESS}; sleep 2` });
    for (let n = 0; n < 300 && !lab.log.includes('session-up'); n++)
      await new Promise((resolve) => setTimeout(resolve, 100));
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.match(lab.inLns('ip', 'route'), /198\.51\.100\.77 dev lns0/);
    const output = await guest;
    assert.match(output, /PPP-UP 198\.51\.100\.77/);
    assert.match(output, /2 packets transmitted, 2 received/);
    assert.doesNotMatch(lab.inLns('ip', 'route'), /198\.51\.100\.77/);
  } finally {
    await lab.close();
  }
});
