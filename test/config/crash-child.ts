// Says what it finds, then commits without end, and says each commit on standard output once it is in force. Its end
// comes from outside.
import { writeSync } from 'node:fs';
import { FileDisk } from '../../src/config/disk.ts';
import { ConfigurationStore } from '../../src/config/store.ts';

const store = await ConfigurationStore.open({
  disk: new FileDisk(process.argv[2]!),
  platform: 'm10i',
  apply: () => {},
  now: Date.now,
  random: Math.random,
});
const { helloIntervalMs, tunnelTimeoutMs } = store.config.tunnelGroups[0]!;
const { history } = store;
const whole = history.every((one, i) => one.sequence === history[0]!.sequence - i);
const oldest = await store.rollbackTree(history.length - 1);
writeSync(
  1,
  `found ${helloIntervalMs / 1000} ${tunnelTimeoutMs / 1000} ${whole && oldest !== null ? 'whole' : 'broken'} history\n`,
);
const session = store.openSession({ user: 'kim', mode: 'shared' });
for (let n = store.config.tunnelGroups[0]!.helloIntervalMs / 1000 + 1; ; n++) {
  // Two statements that must never part.
  await session.execute(`set services l2tp tunnel-group harbour hello-interval ${n}`);
  await session.execute(`set services l2tp tunnel-group harbour tunnel-timeout ${n}`);
  const reply = await session.execute(n % 3 === 0 ? 'commit confirmed 60' : 'commit');
  if (!reply.ok) {
    writeSync(2, reply.text);
    process.exit(1);
  }
  writeSync(1, `${n}\n`);
}
