#!/usr/bin/env node
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { LnsError, UsageError } from '../errors.ts';
import { platformByName } from '../platform/platform.ts';
import { integer } from './arguments.ts';
import { dialCommand } from './dial-command.ts';
import { readVersion } from './version.ts';

/** Exit status for arguments that make no sense. */
const USAGE = 2;

const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(`lns needs Node 24 or newer; this is ${process.version}`);
  process.exit(1);
}

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
  .option('--no-steering', "let the kernel choose a packet's TUN queue by its flow")
  .option('--log-directory <path>', "log and trace files ('traceoptions', 'syslog host local')")
  .option('--xdp <interface>', 'take and send data on this interface by AF_XDP; needs root')
  .option('--xdp-core <interface>', 'the same on the interface to the core, past the TUN device; needs root')
  .option('--clamp-mss [octets]', "lower TCP's MSS to this, or to what the client's MRU takes", integer(64, 65495))
  .option(
    '--coalesce <us>',
    'microseconds that packets may wait to share system calls, while they come faster than that; 0: none',
    integer(0, 1000),
    50,
  )
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

dialCommand(program);

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
