import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { configuration, Pair } from '../server/pair.ts';
import { Freeradius } from '../support/freeradius.ts';
import { needs } from '../support/needs.ts';

const USERS = `user Cleartext-Password := "password"
  Framed-IP-Address = 192.0.2.9
`;

describe('every method, asked by the LNS or by the LAC, judged by freeradius', () => {
  let server: Freeradius | null = null;
  before(async () => {
    let there = true;
    needs({ skip: () => (there = false) } as never, 'freeradius');
    if (there) server = await Freeradius.start({ users: USERS });
  });
  after(async () => {
    await server?.close();
  });

  for (const method of ['mschap-v2', 'chap-md5', 'pap'] as const)
    for (const proxied of [false, true])
      test(`${method}${proxied ? ', handed over by the LAC (RFC 2661 section 4.4.5)' : ''}`, async (t) => {
        if (!needs(t, 'freeradius')) return;
        const { access, accounting, secret } = server!;
        const pair = await Pair.start(
          configuration({
            users: `authentication-order radius;
              radius-server 127.0.0.1 { port ${access}; accounting-port ${accounting}; secret "${secret}"; retry 2; timeout 1; }`,
            client: `shared-secret "test secret"; ppp-authentication ${method === 'chap-md5' ? 'chap' : method};`,
          }),
        );
        t.after(() => pair.close());
        const profile = { methods: [method], ...(proxied ? { proxy: [method] } : {}) };
        const good = await pair.dial(profile);
        assert.equal((await good.settled(8000)).sessionsUp, 1, pair.lines);
        const up = pair.events.find(({ event }) => event === 'session-up')!;
        assert.equal(up.fields.method, method);
        assert.equal(up.fields.address, '192.0.2.9');
        assert.ok(!pair.events.some(({ event }) => event === 'proxy-lcp-refused'));
        const bad = await pair.dial({ ...profile, password: 'guess' });
        assert.equal((await bad.settled(8000)).sessionsUp, 0);
        assert.ok(pair.events.some(({ event }) => event === 'authentication-failed'));
        assert.doesNotMatch(pair.lines, /guess/);
      });
});
