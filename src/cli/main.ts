#!/usr/bin/env node
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { LnsError, UsageError } from '../errors.ts';
import { platformByName } from '../platform/platform.ts';
import { parseSizes } from './dial-options.ts';
import { readVersion } from './version.ts';

/** Exit status for arguments that make no sense. */
const USAGE = 2;

const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(`lns needs Node 24 or newer; this is ${process.version}`);
  process.exit(1);
}

const integer =
  (least: number, most: number) =>
  (text: string): number => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isInteger(value) || value < least || value > most)
      throw new InvalidArgumentError(`a whole number from ${least} to ${most} is expected.`);
    return value;
  };
const amount =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!(value >= least && value <= most))
      throw new InvalidArgumentError(`a number from ${least} to ${most} is expected.`);
    return value;
  };
const part = (text: string): number => {
  const value = /^[\d.]+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 0 && value < 1)) throw new InvalidArgumentError('a number from 0 to below 1 is expected.');
  return value;
};

const program = new Command('lns')
  .description('An L2TP network server (RFC 2661) in the Junos language, a LAC emulator, and tools around them')
  .version(readVersion())
  .showHelpAfterError(false)
  .showSuggestionAfterError(false)
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(text.replace(/\n+$/, '\n')) });

const platform = (): Option =>
  new Option('--platform <name>', 'router to be: m7i, m10i or m120').default('m10i').argParser((name: string) => {
    try {
      return platformByName(name).name;
    } catch (error) {
      throw new InvalidArgumentError(`${(error as Error).message}.`);
    }
  });
const shards = (): Option =>
  new Option('--shards <n>', 'worker threads of the packet path').argParser(integer(1, 64)).default(2);

program
  .command('run')
  .description('run the server with a configuration file')
  .argument('<file>', 'configuration in Junos syntax')
  .addOption(
    new Option('--net <kind>', 'core side: a TUN device, an IP host in the process, or none')
      .choices(['tun', 'embedded', 'none'])
      .default('tun'),
  )
  .option('--tun <name>', 'name of the TUN device', 'lns0')
  .addOption(shards())
  .option('--port <n>', 'UDP port of the gateways', integer(0, 65535), 1701)
  .addOption(platform())
  .option('--socket <path>', 'Unix socket for show and cli')
  .option('--socket-group <group>', 'group that may use it')
  .option('--accounting-spool <folder>', 'where accounting records wait that no RADIUS server takes')
  .option('--portable', 'node:dgram in place of system calls')
  .option('--no-gso', 'send every datagram by itself (without UDP_SEGMENT)')
  .option('--no-gro', 'receive every datagram by itself (without UDP_GRO)')
  .option('--no-vnet-hdr', 'cross the TUN device one packet at a time (without IFF_VNET_HDR)')
  .option('--no-uso', 'merge no UDP datagrams on the TUN device')
  .option('--no-uring', 'write to the TUN device by write calls (without io_uring)')
  .option('--log-directory <path>', "log and trace files ('traceoptions', 'syslog host local')")
  .option('--clamp-mss [octets]', "lower TCP's MSS to this, or to what the client's MRU takes", integer(64, 65495))
  .option(
    '--queue <ms>',
    "let what exceeds a session's rate towards its client wait so long; 0: drop it",
    integer(0, 1000),
    0,
  )
  .option('--verbose', 'log details as well')
  .action(async (file: string, options) => (await import('./run.ts')).run(file, options));

program
  .command('check')
  .description('check a configuration file')
  .argument('<file>', 'configuration in Junos syntax')
  .addOption(platform())
  .action(async (file: string, options) => (await import('./run.ts')).check(file, options));

program
  .command('dial')
  .description('play LACs and their PPP clients against an LNS')
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
  .option('--traffic <n>', 'packets a second that the sessions send to an echo service', integer(0, 100_000_000), 0)
  .option('--receive', 'count what the far end sends on its own (numbered as docs/dial.md says)')
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
  .option('--duration <seconds>', 'seconds of traffic (10), or of --tun; 0: until Ctrl-C', amount(0, 1_000_000))
  .option('--tun [name]', 'a kernel interface with the addresses of the sessions; "%d" is numbered by the kernel')
  .option('--tun-netns <name>', 'network namespace that it is put into: a name of ip netns, or a path')
  .option('--tun-route <prefixes>', 'what is reached through it, separated by commas (in a namespace: everything)')
  .option('--mru <octets>', 'largest IP packet that the clients ask for and send', integer(128, 1500), 1500)
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
  .option('--sequencing', 'ask for numbered data messages')
  .option('--hello <seconds>', 'HELLO interval', integer(0, 65535), 60)
  .addOption(new Option('--shards <n>', 'worker threads').argParser(integer(1, 64)).default(1))
  .option('--timeout <seconds>', 'longest wait for the sessions to come up', integer(1, 100_000), 60)
  .option('--max-loss <part>', 'exit status 1 where more of the traffic is lost', part, 0.999_999)
  .option('--json', 'the summary as one JSON line')
  .option('--per-session', 'in the JSON: loss, order and round trip of every session')
  .option('--report <file>', 'charts of the run, as SVG')
  .option('--portable', 'node:dgram in place of system calls')
  .option('--no-gso', 'send every datagram by itself (without UDP_SEGMENT)')
  .option('--no-gro', 'receive every datagram by itself (without UDP_GRO)')
  .option('--no-vnet-hdr', 'cross the TUN device one packet at a time (without IFF_VNET_HDR)')
  .option('--no-uso', 'merge no UDP datagrams on the TUN device')
  .option('--no-uring', 'write to the TUN device by write calls (without io_uring)')
  .argument('[command...]', 'with --tun, after "--": a program to run over it; the run ends when it does')
  .action(async (command: string[], options) => {
    if (command.length > 0 && !process.argv.includes('--'))
      throw new UsageError(`'${command[0]}' is no option; a program to run over --tun stands after "--"`);
    await (await import('./dial.ts')).dial({ ...options, command });
  });

program
  .command('demo')
  .description('server and emulator in one process, traffic through every shard, until Ctrl-C')
  .addOption(new Option('--net <kind>', 'core side').choices(['tun', 'embedded']).default('embedded'))
  .option('--tun <name>', 'name of the TUN device', 'lns0')
  .addOption(shards())
  .option('--traffic <n>', 'packets a second', integer(1, 10_000_000), 20_000)
  .option('--duration <seconds>', 'stop by itself; 0: until Ctrl-C', integer(0, 1_000_000), 0)
  .option('--portable', 'node:dgram in place of system calls')
  .action(async (options) => (await import('./demo.ts')).demo(options));

program
  .command('decode')
  .description('decode the L2TP frames of a capture')
  .argument('<file>', 'pcap or pcapng')
  .option('--json', 'one JSON document')
  .option('--secret <secret>', 'shared secret, for hidden AVPs (or LNS_SECRET in the environment)')
  .option('--port <n>', 'UDP port of L2TP', integer(1, 65535), 1701)
  .action(async (file: string, options) => (await import('./decode.ts')).decodeFile(file, options));

const socket = (): Option => new Option('--socket <path>', "the server's Unix socket");
for (const [verb, description] of [
  ['show', 'ask a running server, as: lns show services l2tp tunnel extensive'],
  ['clear', 'end tunnels or sessions, or set counters back: lns clear services l2tp session all'],
  ['request', 'ask a running server to do something: lns request interfaces switchover rsp0'],
] as const)
  program
    .command(verb)
    .description(description)
    .argument('<words...>', 'the command; summary, tunnel, session and user stand for services l2tp ...')
    .option('--json', 'as JSON')
    .addOption(socket())
    .action(async (words: string[], options) => {
      const { oneShot, wholeLine } = await import('./operate.ts');
      await oneShot(wholeLine(verb, words), options);
    });

program
  .command('cli')
  .description('the command line of a running server: operational and configuration mode')
  .option('-c, --command <line>', 'one command, without a prompt')
  .addOption(socket())
  .action(async (options: { command?: string; socket?: string }) => {
    if (options.command !== undefined) await (await import('./operate.ts')).oneShot(options.command, options);
    else await (await import('./cli.ts')).cli(options);
  });

// Whoever reads our output may go away (a pipe into head, a log reader that restarts): a server has sessions to keep.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : USAGE;
  else if (error instanceof LnsError) {
    console.error(`lns: ${error.message}`);
    process.exitCode = error instanceof UsageError ? USAGE : 1;
  } else {
    const { code, message, stack } = error as NodeJS.ErrnoException;
    // A file that cannot be read is the operator's business; anything else is ours, and shown whole.
    console.error(code?.startsWith('E') === true ? `lns: ${message}` : (stack ?? String(error)));
    process.exitCode = 1;
  }
}
