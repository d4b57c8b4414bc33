// pppd's multilink over the Linux kernel's L2TP against our bundles: ppp_generic judges our fragments, and we its.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { needs } from '../support/needs.ts';
import { configuration, HOST_ADDRESS, Lab, OWN_ADDRESS, POOL_FIRST } from './lab.ts';

const PEERS = ['root', 'user-mode-linux', 'xl2tpd', 'pppd', 'ip', 'busybox', 'iperf3', 'tcpdump'];
const sha = (octets: Buffer): string => execFileSync('sha256sum', { input: octets, encoding: 'utf8' }).split(' ')[0]!;

for (const links of [2, 4])
  test(`pppd brings up a bundle of ${links} links in as many tunnels; TCP passes both ways, also when a link is killed`, async (t) => {
    if (!needs(t, ...PEERS)) return;
    const lab = new Lab();
    try {
      await lab.startLns(configuration('chap', true, 'multilink { fragment-threshold 700; drop-timeout 500; }'));
      const up = randomBytes(24 << 20);
      const down = randomBytes(24 << 20);
      writeFileSync(join(lab.folder, 'down.bin'), down);
      lab.background(lab.host, 'sh', '-c', `sleep 100 | busybox nc -l -p 9001 >${join(lab.folder, 'up.got')}`);
      lab.background(lab.host, 'sh', '-c', `busybox nc -l -p 9002 <${join(lab.folder, 'down.bin')}`);
      lab.background(lab.host, 'iperf3', '-s');
      const shown = (async () => {
        for (let n = 0; n < 600 && (lab.log.match(/ link-up /g)?.length ?? 0) < links; n++)
          await new Promise((resolve) => setTimeout(resolve, 100));
        await new Promise((resolve) => setTimeout(resolve, 2000));
        return lab.show('multilink', 'extensive');
      })();
      const output = await lab.dial({
        script: 'multilink.sh',
        variables: { LINKS: String(links) },
        after: `
ping -c 5 -i 0.2 -s 1400 ${HOST_ADDRESS} | grep received
iperf3 -c ${HOST_ADDRESS} -t 2 | grep receiver | sed 's/^/TCP up   /'
iperf3 -R -c ${HOST_ADDRESS} -t 2 | grep receiver | sed 's/^/TCP down /'
cat </dev/tcp/${HOST_ADDRESS}/9002 >/tmp/down.bin & reader=$!
sleep 0.4; echo "d l" >/tmp/control2
wait $reader; echo DOWN-SHA $(sha256sum </tmp/down.bin)
sleep 0.5; echo "LEFT $(links)"
cat /host/up.bin >/dev/tcp/${HOST_ADDRESS}/9001; echo SENT-UP
ping -c 5 -i 0.2 -s 1400 ${HOST_ADDRESS} | grep received
`,
        files: { 'up.bin': up },
      });
      console.log(
        output
          .split('\n')
          .filter((line) => /^(LINKS|PPP-UP|TCP|LEFT|\d+ packets)/.test(line))
          .join('\n'),
      );
      const multilink = await shown;
      assert.match(multilink, new RegExp(`^Bundle ID: \\d+, Links: ${links}, Bundle endpoint: alice\n`));
      assert.match(multilink, /\n {2}Input MRRU: \d+, Output MRRU: \d+\n/);
      assert.match(multilink, / {2}Data Tx +[\d.]+k? +[\d.]+[kM]?\n {2}Data Rx /);
      assert.match(multilink, /Output packets: [1-9]\d*, Transmitted fragments: [1-9]\d*, /);
      assert.equal(multilink.match(/Session local ID: /g)!.length, links);
      assert.match(output, new RegExp(`LINKS ${links} INTERFACES 1\n`), 'one interface over all links');
      assert.match(output, new RegExp(`PPP-UP ${POOL_FIRST} ${OWN_ADDRESS}`));
      const pings = [...output.matchAll(/(\d+) packets transmitted, (\d+) received/g)];
      assert.equal(pings.length, 2);
      for (const [, sent, received] of pings) assert.equal(received, sent);
      assert.match(output, new RegExp(`DOWN-SHA ${sha(down)}`), 'a link was killed in the midst of it');
      assert.match(output, new RegExp(`LEFT ${links - 1}\n`));
      assert.equal(sha(readFileSync(join(lab.folder, 'up.got'))), sha(up));
      // Errors that the kernel counted on the bundle's interface: none but what was under way on the killed link.
      const [, errors] = /ppp0:\s*\d+\s+\d+\s+(\d+)/.exec(output)!;
      assert.ok(Number(errors) <= 64, `${errors} receive errors`);
      assert.equal([...lab.log.matchAll(/ link-up /g)].length, links);
      assert.match(lab.log, / bundle-up .*user=alice/);
      assert.match(lab.log, / link-down /);
      assert.match(lab.log, / bundle-down .*reason="the last link is down"/);
    } finally {
      await lab.close();
    }
  });

test('without multilink in the profile the MRRU is rejected and the session runs plain', async (t) => {
  if (!needs(t, ...PEERS)) return;
  const lab = new Lab();
  try {
    await lab.startLns(configuration('chap'));
    const output = await lab.dial({
      script: 'multilink.sh',
      variables: { LINKS: '1' },
      after: `ping -c 3 -i 0.2 -s 1400 ${HOST_ADDRESS}; grep -a 'ConfRej.*mrru' /tmp/ppp.log`,
    });
    assert.match(output, /rcvd \[LCP ConfRej .*<mrru/);
    assert.match(output, /3 packets transmitted, 3 received/);
    assert.match(lab.log, / session-up .*user=alice/);
    assert.doesNotMatch(lab.log, /bundle/);
  } finally {
    await lab.close();
  }
});
