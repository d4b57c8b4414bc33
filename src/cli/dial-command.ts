import { type Command, Option } from 'commander';
import { UsageError } from '../errors.ts';
import { amount, integer, part } from './arguments.ts';
import { parseSizes } from './dial-options.ts';

/** `lns dial` and its options. */
export function dialCommand(program: Command): void {
  program
    .command('dial')
    .description('play LACs and their PPP clients against an LNS')
    .optionsGroup('The LNS, and who calls it:')
    .requiredOption('--server <address>', 'address of the LNS')
    .option('--port <n>', 'its UDP port', integer(1, 65535), 1701)
    .option('--tunnels <n>', 'tunnels', integer(1, 65535), 1)
    .option('--sessions <n>', 'sessions in each tunnel', integer(0, 65535), 1)
    .option('--name <name>', 'host name of the LACs; %d is the number of the tunnel', 'lac-%d')
    .option('--secret <secret>', 'shared secret of the tunnels (better: LNS_SECRET in the environment)')
    .option('--hide', 'hide AVPs (needs the secret)')
    .option('--user <name>', 'PPP user; %d is the number of the session, or of the group', 'user')
    .option('--password <password>', 'its password (better: LNS_PASSWORD in the environment)')
    .addOption(
      new Option('--auth <method>', 'PPP authentication that is answered')
        .choices(['any', 'chap', 'pap', 'mschap-v2'])
        .default('any'),
    )
    .addOption(
      new Option('--proxy <method>', 'the LAC negotiates LCP itself, demands this, and hands it over').choices([
        'chap',
        'pap',
        'mschap-v2',
        'none',
      ]),
    )
    .optionsGroup('From where, and how fast:')
    .option('--local <addresses>', 'our addresses, separated by commas; the ports take them in turn')
    .option('--ports <n>', 'UDP ports that the tunnels share in turn; 0: one each', integer(0, 65535), 0)
    .option('--one-port', 'the same as --ports 1')
    .option('--rate <n>', 'new sessions a second; 0: as fast as they come up', integer(0, 1_000_000), 0)
    .option('--ramp <seconds>', 'time over which the rate grows from 0 to --rate', integer(0, 100_000), 0)
    .option('--window <n>', 'sessions in set-up at once (512; in a storm without bound)', integer(1, 10_000_000))
    .option('--tunnel-window <n>', 'tunnels in set-up at once (256; in a storm without bound)', integer(1, 65535))
    .option('--retry <seconds>', 'dial again what failed or was lost, after so long; 0: never', amount(0, 100_000), 0)
    .option(
      '--storm <seconds>',
      'once all are up, all fall silent without StopCCN, and after so long dial at once',
      amount(0, 100_000),
    )
    .option('--timeout <seconds>', 'longest wait for the sessions to come up', integer(1, 100_000), 60)
    .optionsGroup('Sessions that belong together:')
    .option('--multilink <n>', 'each <n> sessions are the links of a bundle', integer(1, 8))
    .option(
      '--redundant <n>',
      'each <n> sessions are of one user, share its address, and are killed in any order',
      integer(2, 64),
    )
    .option('--spread', 'with these: every session of a group in another tunnel')
    .option('--fragment <octets>', "multilink: a fragment's payload; 0: packets stay whole", integer(0, 1500), 512)
    .option('--short-sequence', 'multilink: ask for 12-bit sequence numbers')
    .option('--kill-every <ms>', 'redundant: one session of every group ends so often', integer(10, 1_000_000), 1000)
    .optionsGroup('Traffic of its own:')
    .option('--traffic <n>', 'packets a second that the sessions send to an echo service', integer(0, 100_000_000), 0)
    .option('--receive', 'count what the far end sends on its own (numbered as docs/dial.md says)')
    .option('--duration <seconds>', 'seconds of traffic (10), or of --tun; 0: until Ctrl-C', amount(0, 1_000_000))
    .option('--traffic-ramp <seconds>', 'time over which the traffic grows from 0 to --traffic', amount(0, 100_000), 0)
    .addOption(
      new Option('--size <octets>', 'octets of the IP packets: 64, a mix as 64:7,576:4,1500:1, or imix')
        .argParser((words: string) => parseSizes(words))
        .default([64], '64'),
    )
    .option('--burst <n>', 'packets of one session in a row', integer(1, 256), 8)
    .option('--flows <n>', 'flows of a session, by source port', integer(1, 16384), 1)
    .option('--target <address>', 'the echo service behind the LNS', '192.0.2.7')
    .addOption(
      new Option('--echo <kind>', 'what it answers: UDP port 7, or ICMP Echo').choices(['udp', 'icmp']).default('udp'),
    )
    .optionsGroup("The kernel's traffic:")
    .option('--tun [name]', 'a kernel interface with the addresses of the sessions; "%d" is numbered by the kernel')
    .option('--tun-netns <name>', 'network namespace that it is put into: a name of ip netns, or a path')
    .option('--tun-route <prefixes>', 'what is reached through it, separated by commas (in a namespace: everything)')
    .option('--mru <octets>', 'largest IP packet that the clients ask for and send', integer(128, 1500), 1500)
    .optionsGroup('Impairments on our side:')
    .addOption(
      new Option('--impair <parts>', 'what suffers the following: all, control (with PPP negotiation), or data')
        .choices(['all', 'control', 'data'])
        .default('all'),
    )
    .option('--loss <part>', 'part of our messages that is lost here, each way', part, 0)
    .option('--duplicate <part>', 'part that is sent twice', part, 0)
    .option('--reorder <part>', 'part that is overtaken by 1 to 8 later ones', part, 0)
    .option('--delay <ms>', 'delay of every message', integer(0, 1000), 0)
    .option('--jitter <ms>', 'drawn from 0 to this, in addition', integer(0, 1000), 0)
    .option('--seed <n>', 'seed of all that is drawn', integer(0, 0xffffffff), 1)
    .optionsGroup('Tunnels and threads:')
    .option('--sequencing', 'ask for numbered data messages')
    .option('--hello <seconds>', 'HELLO interval', integer(0, 65535), 60)
    .addOption(new Option('--shards <n>', 'worker threads').argParser(integer(1, 64)).default(1))
    .option('--portable', 'node:dgram in place of system calls')
    .option('--no-gso', 'send every datagram by itself (without UDP_SEGMENT)')
    .option('--no-gro', 'receive every datagram by itself (without UDP_GRO)')
    .option('--no-vnet-hdr', 'cross the TUN device one packet at a time (without IFF_VNET_HDR)')
    .option('--no-uso', 'merge no UDP datagrams on the TUN device')
    .option('--no-uring', 'write to the TUN device by write calls (without io_uring)')
    .option('--no-steering', "let the kernel choose a packet's TUN queue by its flow")
    .optionsGroup('What comes of it:')
    .option('--max-loss <part>', 'exit status 1 where more of the traffic is lost', part, 0.999_999)
    .option('--json', 'the summary as one JSON line')
    .option('--per-session', 'in the JSON: loss, order and round trip of every session')
    .option('--report <file>', 'charts of the run, as SVG')
    .argument('[command...]', 'with --tun, after "--": a program to run over it; the run ends when it does')
    .action(async (command: string[], options) => {
      if (command.length > 0 && !process.argv.includes('--'))
        throw new UsageError(`'${command[0]}' is no option; a program to run over --tun stands after "--"`);
      await (await import('./dial.ts')).dial({ ...options, command });
    })
    .addHelpText(
      'after',
      `
Examples (LNS_SECRET and LNS_PASSWORD in the environment):
  lns dial --server 192.0.2.17 --user kim --tunnels 10 --sessions 100 --traffic 50000
  lns dial --server 192.0.2.17 --user kim --storm 5 --retry 1 --tunnels 500 --report storm.svg
  lns dial --server 192.0.2.17 --user kim --mru 1460 --tun -- iperf3 -c 203.0.113.5

Exit status 0: all came up, nothing was damaged; 1: otherwise; 2: the arguments make no sense. More in docs/dial.md.`,
    );
}
