import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type ConfigNode, parseConfig } from '../../src/config/bind.ts';
import { compareTrees } from '../../src/config/compare.ts';
import { formatJson, formatXml } from '../../src/config/display.ts';
import { executeSetLine } from '../../src/config/edit.ts';
import { formatCurly, setLines } from '../../src/config/format.ts';
import { newRoot } from '../../src/config/tree.ts';
import { configuration } from './support.ts';

const written = (text: string): ConfigNode => {
  const tree = parseConfig(text);
  assert.deepEqual(
    tree.diagnostics.filter((one) => one.syntax),
    [],
  );
  return tree.written;
};
const folder = (path: string): URL => new URL(path, import.meta.url);
const FILES: [name: string, text: string][] = [
  ...readdirSync(folder('./worked/')).map((name): [string, string] => [
    name,
    readFileSync(folder(`./worked/${name}`), 'utf8'),
  ]),
  ['demo.conf', readFileSync(folder('../../examples/demo.conf'), 'utf8')],
  ['the small configuration', configuration()],
];

/** Everything that the language has, in the form in which it is printed. */
const ALL = `version 9.4R1.8;
groups {
    tuned {
        services {
            l2tp {
                tunnel-group <*> {
                    hello-interval 15;
                }
            }
        }
    }
    other {
        interfaces {
            <sp-*> {
                description "a PIC";
            }
        }
    }
}
apply-groups [ tuned other ];
system {
    host-name lns-1;
    login {
        class desk {
            permissions [ view clear ];
        }
        user kim {
            class super-user;
            full-name "Kim";
            uid 2001;
        }
    }
    services {
        local-cli {
            group netops;
        }
        ssh;
    }
    syslog {
        file messages {
            any notice;
        }
    }
}
chassis {
    fpc 1 {
        pic 2 {
            adaptive-services {
                service-package layer-3;
            }
        }
    }
    fpc-feb-connectivity {
        fpc 2 feb 0;
        fpc 3 feb none;
    }
}
services {
    l2tp {
        /* the eastern site
           since spring */
        tunnel-group east-dial {
            hello-interval 30;
            hide-avps;
            l2tp-access-profile east_tunnel;
            local-gateway {
                address 203.0.113.9;
            }
            ppp-access-profile east;
            inactive: receive-window 8;
            service-interface sp-1/2/0;
            syslog {
                host 192.0.2.9 {
                    log-prefix east;
                    services info;
                }
            }
        }
        inactive: tunnel-group west-dial {
            apply-groups-except tuned;
            l2tp-access-profile east_tunnel;
        }
        traceoptions {
            file l2tp-east size 1m files 10 world-readable match "S[0-9]+ x";
            filter {
                protocol l2tp;
                protocol ppp;
            }
            flag all;
        }
    }
}
interfaces {
    ge-0/3/0 {
        description "Where tunnels arrive";
        unit 0 {
            family inet {
                address 203.0.113.34/28;
            }
        }
        speed 1g;
    }
    rsp0 {
        redundancy-options {
            primary sp-0/0/0;
            secondary sp-1/2/0;
        }
    }
    sp-1/2/0 {
        unit 0 {
            family inet {
                filter {
                    input x;
                }
            }
            family inet6;
        }
        unit 20 {
            dial-options {
                l2tp-interface-id east;
                shared;
            }
            inactive: family inet;
        }
        unit 100 {
            family inet;
        }
    }
}
access {
    address-pool east {
        address-range low 192.0.2.64 high 192.0.2.127;
    }
    group-profile east_ppp {
        ppp {
            keepalive 0;
        }
    }
    profile east {
        authentication-order [ radius password ];
        client "a user" {
            chap-secret "$9$LbHX-wg4Z"; ## SECRET-DATA
        }
        client ola {
            pap-password "$9$LbHX-wg4Z"; ## SECRET-DATA
            inactive: ppp;
        }
    }
    profile east_tunnel {
        client * {
            l2tp {
                multilink;
                shared-secret "$9$LbHX-wg4Z"; ## SECRET-DATA
            }
        }
    }
}
/* kept as it is */
inactive: routing-options {
    static {
        route 0.0.0.0/0 next-hop [ 192.0.2.1 192.0.2.2 ];
    }
    as-path "a b";
}
`;

test('7.1: what is printed is byte for byte what was read, in the form of the router', () => {
  assert.equal(formatCurly(written(ALL)), ALL);
});
for (const [name, text] of [...FILES, ['everything', ALL]] as [string, string][]) {
  test(`7.1: ${name} is the same after one round of formatting, byte for byte`, () => {
    const once = formatCurly(written(text));
    assert.equal(formatCurly(written(once)), once);
    assert.equal(compareTrees(written(text), written(once)), '');
  });
  test(`7.2: ${name} in set format makes the same configuration`, () => {
    const root = newRoot();
    const whole = written(text);
    // What is not declared is kept by its words; blocks of it become lines.
    whole.filter((one) => one.statement.status !== 'opaque');
    for (const line of setLines(whole)) assert.equal(executeSetLine(root, [], line, { mode: 'set' }), null, line);
    assert.deepEqual(setLines(root), setLines(whole));
    if (!text.includes('syslog {\n        file')) assert.equal(formatCurly(root), formatCurly(whole));
  });
}

test('7.2: lists give one line an element; deactivate and annotate follow the set lines', () => {
  const lines = setLines(written(ALL));
  for (const line of [
    'set apply-groups tuned',
    'set apply-groups other',
    'set groups tuned services l2tp tunnel-group <*> hello-interval 15',
    'set services l2tp tunnel-group east-dial hide-avps',
    'set services l2tp traceoptions flag all',
    'set services l2tp traceoptions file l2tp-east',
    'set services l2tp traceoptions file size 1m',
    'set access profile east authentication-order radius',
    'set access profile east authentication-order password',
    'set access profile east client "a user" chap-secret "$9$LbHX-wg4Z"',
    'set access address-pool east address-range low 192.0.2.64',
    'set interfaces sp-1/2/0 unit 0 family inet6',
    'deactivate services l2tp tunnel-group west-dial',
    'deactivate interfaces sp-1/2/0 unit 20 family inet',
    'annotate routing-options "kept as it is"',
  ])
    assert.ok(lines.includes(line), line);
  const last = lines.findLastIndex((line) => line.startsWith('set '));
  assert.ok(lines.slice(last + 1).every((line) => /^(deactivate|annotate) /.test(line)));
  assert.ok(lines.slice(last + 1).length > 0);
});
test('interfaces, units and clients stand in order; groups, pools and profiles as the operator put them', () => {
  const text = formatCurly(
    written(`interfaces { sp-1/10/0 { unit 100; unit 20; } sp-1/2/0; }
      access { profile z { client b; client a; } profile y; address-pool q { address 192.0.2.0/24; } }`),
  );
  const at = (what: string): number => text.indexOf(what);
  assert.ok(at('sp-1/2/0') < at('sp-1/10/0'));
  assert.ok(at('unit 20') < at('unit 100'));
  assert.ok(at('client a') < at('client b'));
  assert.ok(at('profile z') < at('profile y'));
  assert.ok(at('address-pool q') < at('profile z'));
});
test('7.1: a value with blanks or punctuation is quoted, and nothing else but secrets and sentences', () => {
  const text = formatCurly(
    written('access { profile p { client "a;b" { group-profile "g h"; } client "x\\"y\\\\z"; } }'),
  );
  assert.ok(text.includes('client "a;b" {'));
  assert.ok(text.includes('group-profile "g h";'));
  assert.ok(text.includes('client "x\\"y\\\\z";'));
});

test('7.5: XML has statement names as elements, keys as names, flags empty, inactive parts marked', () => {
  const xml = formatXml(written(ALL), [], new Date(Date.UTC(2026, 4, 12, 8, 14, 31)), '[edit]');
  for (const part of [
    '<configuration junos:changed-seconds="1778573671" junos:changed-localtime="2026-05-12 08:14:31 UTC">',
    '<hide-avps/>',
    '<tunnel-group inactive="inactive">',
    '<receive-window inactive="inactive">8</receive-window>',
    '<name>&lt;*&gt;</name>',
    '<authentication-order>radius</authentication-order>',
    '<junos:comment>/* kept as it is */</junos:comment>',
    '<filename>l2tp-east</filename>',
    '<banner>[edit]</banner>',
  ])
    assert.ok(xml.includes(part), part);
  // Every element is closed by its own name.
  const open: string[] = [];
  for (const [, close, name, empty] of xml.matchAll(/<(\/?)([A-Za-z][\w:.-]*)[^>]*?(\/?)>/g)) {
    if (empty === '/') continue;
    if (close === '/') assert.equal(open.pop(), name);
    else open.push(name!);
  }
  assert.deepEqual(open, []);
});
test('7.5: JSON has lists of entries, [null] for flags, metadata under @', () => {
  const { configuration: c } = JSON.parse(formatJson(written(ALL), [], new Date(0)));
  const [east, west] = c.services.l2tp['tunnel-group'];
  assert.equal(east.name, 'east-dial');
  assert.equal(east['hello-interval'], 30);
  assert.deepEqual(east['hide-avps'], [null]);
  assert.deepEqual(east['@receive-window'], { inactive: true });
  assert.deepEqual(west['@'], { inactive: true });
  assert.equal(c.interfaces.interface[0].name, 'ge-0/3/0');
  assert.deepEqual(c.access.profile[0]['authentication-order'], ['radius', 'password']);
});
test('a name may be any word, and hurts no format', () => {
  const tree = written('access { profile __proto__ { client constructor; client "<a & b>"; } }');
  assert.ok(formatJson(tree, [], null).includes('"__proto__"'));
  assert.ok(formatXml(tree, [], null, '[edit]').includes('&lt;a &amp; b&gt;'));
});

test('display inheritance says which group a statement came from', () => {
  const tree = parseConfig(configuration({ top: ALL.slice(ALL.indexOf('groups'), ALL.indexOf('system')) }));
  const text = formatCurly(tree.root, { inheritance: true });
  assert.ok(
    text.includes(
      "            ##\n            ## '15' was inherited from group 'tuned'\n            ##\n            hello-interval 15;\n",
    ),
    text,
  );
});

// Compare.

const compare = (before: string, after: string): string => compareTrees(written(before), written(after));
test('7.3: a changed value is the line that went and the line that came, under its place', () => {
  const group = (interval: number): string =>
    `services { l2tp { tunnel-group east-dial { hello-interval ${interval}; } } }`;
  assert.equal(
    compare(group(60), group(30)),
    '[edit services l2tp tunnel-group east-dial]\n-    hello-interval 60;\n+    hello-interval 30;\n',
  );
});
test('7.3: a new block is shown whole, its neighbours in short', () => {
  const groups = (...names: string[]): string =>
    `services { l2tp { ${names.map((name) => `tunnel-group ${name} { hello-interval 9; }`).join(' ')} } }`;
  assert.equal(
    compare(groups('a', 'c'), groups('a', 'b', 'c')),
    `[edit services l2tp]
    tunnel-group a { ... }
+   tunnel-group b {
+       hello-interval 9;
+   }
    tunnel-group c { ... }
`,
  );
  assert.equal(
    compare(groups('a', 'b'), groups('a')),
    '[edit services l2tp]\n-   tunnel-group b {\n-       hello-interval 9;\n-   }\n',
  );
  assert.equal(
    compare(groups('a', 'b', 'c'), groups('c', 'a', 'b')),
    '[edit services l2tp]\n!   tunnel-group c { ... }\n',
  );
});
test('7.3: activation is marked with !', () => {
  const group = (tag: string): string => `services { l2tp { ${tag} tunnel-group x { hello-interval 9; } } }`;
  assert.equal(compare(group(''), group('inactive:')), '[edit services l2tp]\n!   inactive: tunnel-group x { ... }\n');
  assert.equal(compare(group('inactive:'), group('')), '[edit services l2tp]\n!   active: tunnel-group x { ... }\n');
});
test('family inet is one level in a comparison', () => {
  const unit = (family: string): string => `interfaces { sp-1/2/0 { unit 0 { ${family} } } }`;
  assert.equal(
    compare(unit('family inet;'), unit('family inet; family inet6 { address 2001:db8::1/64; }')),
    `[edit interfaces sp-1/2/0 unit 0]
+     family inet6 {
+         address 2001:db8::1/64;
+     }
`,
  );
});
test('nothing differs: nothing is printed', () => {
  assert.equal(compare(ALL, ALL), '');
});
