// What does the control plane's own work cost: messages parsed and built, AVPs hidden, challenges answered?
import { WasmCrypto } from '../src/dataplane/crypto.ts';
import { AVP, ICCN } from '../src/wire/avp.ts';
import { CONTROL_HEADER } from '../src/wire/l2tp.ts';
import { MessageBuilder, parseControlMessage } from '../src/wire/message.ts';
import { SeededRandom } from '../src/wire/random.ts';
import { measure, smoke } from './support.ts';

const crypto = new WasmCrypto();
const secret = Buffer.from('a shared secret');
const builder = new MessageBuilder(crypto, new SeededRandom(1));
const build = (hidden: boolean): Uint8Array =>
  builder
    .begin(ICCN, 7, 9, hidden ? secret : null)
    .u32(AVP.txConnectSpeed, 100_000_000)
    .u32(AVP.framingType, 1)
    .u32(AVP.rxConnectSpeed, 100_000_000)
    .end();
const count = smoke ? 100 : 5000;
const times = (action: () => void) => (): void => {
  for (let i = 0; i < count; i++) action();
};
for (const hidden of [false, true]) {
  const message = build(hidden);
  const what = hidden ? 'hidden' : 'clear';
  measure(
    'codec',
    `build ICCN, ${what}`,
    count,
    times(() => build(hidden)),
  );
  measure(
    'codec',
    `parse ICCN, ${what}`,
    count,
    times(() => parseControlMessage(message, CONTROL_HEADER, message.length, secret, crypto)),
  );
}
const challenge = new Uint8Array(16);
measure(
  'codec',
  'challenge response',
  count,
  times(() => crypto.challengeResponse(2, secret, challenge)),
);
