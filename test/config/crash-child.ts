// Commits without end, and says each on standard output once it is in force. Killed by its parent.
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
