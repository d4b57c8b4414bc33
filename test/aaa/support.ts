import type { AccessLine, Credentials } from '../../src/aaa/types.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { LnsConfig } from '../../src/config/types.ts';
import { configuration } from '../server/pair.ts';

export function configOf(options: Parameters<typeof configuration>[0] = {}): LnsConfig {
  const { config, diagnostics } = loadConfig(configuration(options), 'm10i');
  if (config === null) throw new Error(JSON.stringify(diagnostics));
  return config;
}
export function credentials(method: Credentials['method'], name = 'kim', password = 'password'): Credentials {
  return {
    do: 'authenticate',
    method,
    name,
    nameOctets: Buffer.from(name),
    identifier: 9,
    challenge: method === 'pap' ? new Uint8Array(0) : new Uint8Array(16).fill(4),
    response: method === 'pap' ? Buffer.from(password) : new Uint8Array(method === 'chap-md5' ? 16 : 49).fill(5),
    verify: (secret) => Buffer.from(secret).toString() === password,
  };
}
export function line(more: Partial<AccessLine> = {}, config = configOf()): AccessLine {
  const group = config.tunnelGroups[0]!;
  return {
    tunnelGroup: 'test',
    serviceInterface: 'sp-1/2/0',
    tunnelId: 1,
    peerTunnelId: 2,
    sessionId: 3,
    peerSessionId: 4,
    localAddress: '192.0.2.17',
    peer: { address: '198.51.100.1', port: 1701 },
    peerName: 'lac',
    localName: 'lns',
    tunnelClient: group.tunnelProfile.clients.get('*')!,
    userProfile: group.userProfile,
    request: { callSerialNumber: 77, bearerType: 1, calledNumber: '0800', callingNumber: '4930123', subAddress: '' },
    connected: {
      txConnectSpeed: 50_000_000,
      rxConnectSpeed: 10_000_000,
      framingType: 1,
      sequencingRequired: false,
      initialReceivedConfreq: null,
      lastSentConfreq: null,
      lastReceivedConfreq: null,
      proxyAuthenType: null,
      proxyAuthenName: null,
      proxyAuthenChallenge: null,
      proxyAuthenId: null,
      proxyAuthenResponse: null,
    },
    accountingId: 'a-1',
    ...more,
  };
}
