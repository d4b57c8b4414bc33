// Writes the screens of docs/cli.md anew. Needs tmux.
import { screenShots, stage, writeDocumented } from '../test/cli/screens.ts';

const on = await stage();
try {
  writeDocumented(await screenShots(on));
} finally {
  await on.close();
}
