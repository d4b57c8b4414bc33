import { formatDiagnostics, loadConfig } from '../../src/config/load.ts';
import type { Diagnostic, LnsConfig } from '../../src/config/types.ts';

/** Statements added to a small sound configuration, each at its own level. */
export interface Additions {
  top?: string;
  l2tp?: string;
  group?: string;
  /** In place of the group's own local gateway. */
  gateway?: string;
  access?: string;
  lacs?: string;
  lac?: string;
  lacL2tp?: string;
  users?: string;
  user?: string;
  interfaces?: string;
  unit?: string;
}

/** One tunnel group, one LAC, one user, one pool; it passes with no diagnostic. */
export function configuration(add: Additions = {}): string {
  return `${add.top ?? ''}
services {
    l2tp {
        tunnel-group harbour {
            l2tp-access-profile harbour_lacs;
            ppp-access-profile harbour_users;
            ${add.gateway ?? 'local-gateway { address 192.0.2.1; }'}
            service-interface sp-1/2/0;
            ${add.group ?? ''}
        }
        ${add.l2tp ?? ''}
    }
}
access {
    address-pool quay { address 198.51.100.0/24; }
    group-profile berths { ppp { framed-pool quay; primary-dns 192.0.2.53; } }
    ${add.access ?? ''}
    profile harbour_lacs {
        ${add.lacs ?? ''}
        client lac-a {
            l2tp { interface-id harbour; shared-secret "anchor"; ${add.lacL2tp ?? ''} }
            user-group-profile berths;
            ${add.lac ?? ''}
        }
    }
    profile harbour_users {
        ${add.users ?? ''}
        client mara { chap-secret "rope"; ${add.user ?? ''} }
    }
}
interfaces {
    sp-1/2/0 {
        unit 0 { family inet { address 198.51.100.254/32; } }
        unit 20 { dial-options { l2tp-interface-id harbour; shared; } family inet; ${add.unit ?? ''} }
    }
    ${add.interfaces ?? ''}
}
`;
}

/** Loads the small configuration with additions. */
export const load = (add: Additions = {}, platform = 'm10i'): ReturnType<typeof loadConfig> =>
  loadConfig(configuration(add), platform);

/** The configuration of a text that must have no error. */
export function sound(text: string, platform = 'm10i'): LnsConfig {
  const { config, diagnostics } = loadConfig(text, platform);
  if (config === null) throw new Error(formatDiagnostics(diagnostics, 'test.conf'));
  return config;
}

/** Each diagnostic as `severity [path] 'statement' message`. */
export const told = (diagnostics: readonly Diagnostic[]): string[] =>
  diagnostics.map((one) => `${one.severity} [${one.path.join(' ')}] '${one.statement}' ${one.message}`);
