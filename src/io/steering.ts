/**
 * Which shard a data message belongs to. The kernel deals datagrams to the sockets of a SO_REUSEPORT group by the same
 * rule (`steeringProgram`), so this is where they come; a lookup never depends on it.
 */

/** Tunnel IDs from here on: the sessions are spread over the shards, by Session ID. */
export const SPREAD_FROM = 0xf000;

export const isSpread = (tunnelId: number): boolean => tunnelId >= SPREAD_FROM;

export function shardOf(tunnelId: number, sessionId: number, shards: number): number {
  return (isSpread(tunnelId) ? sessionId : tunnelId) % shards;
}

/** The shard of a data message, from its first octet on; 0 where it is too short to have one. */
export function shardOfMessage(octets: Uint8Array, shards: number): number {
  const at = (octets[0]! & 0x40) !== 0 ? 4 : 2;
  if (octets.length < at + 4) return 0;
  return shardOf((octets[at]! << 8) | octets[at + 1]!, (octets[at + 2]! << 8) | octets[at + 3]!, shards);
}

/** Sockets of a group besides that for control messages: `1 + lane * shards + shard` is a shard's in a lane. */
export const LANE = {
  /** Data of tunnels that belong to one shard; runs that the kernel merged (UDP_GRO) arrive here. */
  data: 0,
  /** PPP control frames (protocols from 0x8000 on), so that no flood of data keeps them out. */
  ppp: 1,
  /** Data of tunnels whose sessions are spread. Never merged: a run would be steered by its first header alone. */
  spread: 2,
} as const;
export const LANES = 3;

type Instruction = readonly [code: number, jt: number, jf: number, k: number];

const LD_MEM = 0x60;
const LDX_MEM = 0x61;
const LDH_ABS = 0x28;
const LDH_IND = 0x48;
const ST = 0x02;
const TAX = 0x07;
const ADD_K = 0x04;
const ADD_X = 0x0c;
const AND_K = 0x54;
const RSH_K = 0x74;
const MOD_K = 0x94;
const JEQ = 0x15;
const JGE = 0x35;
const JSET = 0x45;
const RET_K = 0x06;
const RET_A = 0x16;

/**
 * Classic BPF over the UDP payload, whose result is a socket's number: 0 with the T bit, or where the message is too short
 * for what is looked at; else that of the lane and of the shard.
 */
export function steeringProgram(shards: number): readonly Instruction[] {
  /** The last steps: the shard's socket in a lane, by what the accumulator holds. */
  const to = (lane: number): Instruction[] => [
    [MOD_K, 0, 0, shards],
    [ADD_K, 0, 0, 1 + lane * shards],
    [RET_A, 0, 0, 0],
  ];
  return [
    [LDH_ABS, 0, 0, 0], // flags; a load outside the datagram ends the program with 0
    [JSET, 34, 0, 0x8000], // T: to 36
    [ST, 0, 0, 0],
    [AND_K, 0, 0, 0x4000], // L: the rest stands 2 octets further on
    [RSH_K, 0, 0, 13],
    [ST, 0, 0, 1],
    [LD_MEM, 0, 0, 0],
    [JSET, 11, 0, 0x0200], // O: rare, data; to 19
    [AND_K, 0, 0, 0x0800], // S: Ns and Nr, 4 octets
    [RSH_K, 0, 0, 9],
    [LDX_MEM, 0, 0, 1],
    [ADD_X, 0, 0, 0],
    [ADD_K, 0, 0, 6],
    [TAX, 0, 0, 0],
    [LDH_IND, 0, 0, 0], // the PPP frame
    [JEQ, 0, 1, 0xff03], // Address and Control fields
    [LDH_IND, 0, 0, 2],
    [JSET, 1, 0, 0x0100], // a compressed protocol field; to 19
    [JGE, 10, 0, 0x8000], // a control protocol; to 29
    [LDX_MEM, 0, 0, 1], // data
    [LDH_IND, 0, 0, 2],
    [JGE, 3, 0, SPREAD_FROM], // to 25
    ...to(LANE.data),
    [LDH_IND, 0, 0, 4], // by Session ID
    ...to(LANE.spread),
    [LDX_MEM, 0, 0, 1], // PPP control
    [LDH_IND, 0, 0, 2],
    [JGE, 0, 1, SPREAD_FROM],
    [LDH_IND, 0, 0, 4],
    ...to(LANE.ppp),
    [RET_K, 0, 0, 0],
  ];
}
