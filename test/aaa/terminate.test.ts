import assert from 'node:assert/strict';
import { test } from 'node:test';
import { causeOfCall, Terminate } from '../../src/aaa/terminate.ts';

const end = { tunnel: false, byPeer: false, silent: false, resultCode: 1 };
test('2.6: Acct-Terminate-Cause of each way that L2TP ends a session', () => {
  for (const [what, more, cause] of [
    ['StopCCN received', { tunnel: true, byPeer: true, resultCode: 6 }, Terminate.UserRequest],
    ['CDN received', { byPeer: true, resultCode: 2 }, Terminate.NasRequest],
    ['the control channel failed', { tunnel: true, byPeer: true, silent: true }, Terminate.ServiceUnavailable],
    ['the tunnel is cleared', { tunnel: true }, Terminate.AdminReset],
    ['the server shuts down', { tunnel: true, resultCode: 6 }, Terminate.AdminReset],
    ['bad AVPs in a message of the tunnel', { tunnel: true, resultCode: 2 }, Terminate.ServiceUnavailable],
    ['bad AVPs in a message of the session', { resultCode: 2 }, Terminate.NasRequest],
    ['no resources', { resultCode: 4 }, Terminate.NasError],
    ['administrative', { resultCode: 3 }, Terminate.AdminReset],
  ] as const)
    assert.equal(causeOfCall({ ...end, ...more }), cause, what);
});
