import { readFileSync } from 'node:fs';

/** The functions that build/lns.wasm exports. Offsets and counts are octets and numbers in linear memory. */
export interface PathExports {
  attach(processBase: bigint, shard: number): number;
  setNow(milliseconds: number): void;
  setClock(microseconds: number): void;
  xdpAttach(queue: number, send: number): void;
  xdpFill(queue: number): void;
  xdpReceive(queue: number, most: number): number;
  xdpRelease(queue: number, frames: number): void;
  xdpFillWakes(queue: number): number;
  xdpUntold(queue: number): number;
  xdpTold(queue: number): void;
  conforms(row: number, octets: number): number;
  mssOptions(octets: number): void;
  coreBackEnd(kind: number): void;
  hostEnable(on: number): void;
  sessionIndexPut(key: number, row: number): number;
  sessionIndexRemove(key: number): number;
  sessionIndexFind(key: number): number;
  stackPush(
    instance: number,
    prefixLength: number,
    address: number,
    member: number,
    node: number,
    passed: number,
  ): number;
  stackRemove(node: number, epoch: number): number;
  addressFind(instance: number, address: number): number;
  transmitOptions(gso: number, ring: number): void;
  transmitReset(): void;
  transmitMessages(): number;
  transmitRuns(): number;
  transmitOuts(): number;
  transmitSegments(index: number): number;
  transmitSingle(index: number): number;
  transmitLost(packets: number, full: number): void;
  coreLost(packets: number): void;
  receivePrepare(gro: number): void;
  receiveRearm(n: number): void;
  upstream(from: number, n: number, group: number): number;
  upstreamList(list: number, from: number, n: number, name: number, group: number): number;
  downstreamList(list: number, from: number, n: number): number;
  peerOptions(check: number): void;
  upstreamRing(most: number): number;
  downstream(from: number, n: number, lengths: number): number;
  downstreamRing(most: number): number;
  ringsRelease(access: number, core: number): void;
  inject(most: number): number;
  coreSlot(index: number): number;
  epochEnter(): void;
  epochLeave(): void;
  offloadOptions(tso: number, uso: number): void;
  offloadWrites(): number;
  uringAttach(fd: number): void;
  uringWrites(from: number, total: number, runs: number): number;
  uringProbe(): void;
  uringCancel(): number;
  uringFailed(): number;
  uringFailure(): number;
  coreReadSlot(): number;
  coreReadDone(octets: number): void;
  downstreamRuns(from: number): number;
  shapeInit(): void;
  shapeTick(): number;
  shapeWaiting(): number;
  trap(): void;
  ringDoorbell(): void;
  puntOptions(most: number): void;
  mpTick(): number;
  mpRecover(): void;
  peerTake(from: number, most: number): number;
  peerRelease(from: number): void;
  peerWake(): bigint;
  peerWaits(from: number): number;
  trafficOptions(kind: number, target: number, sizes: number, packetsInARow: number, flows: number): void;
  trafficClock(microseconds: bigint): void;
  trafficSend(budget: number): number;
  impairOptions(
    loss: number,
    duplicate: number,
    reorder: number,
    delayMs: number,
    jitterMs: number,
    seed: number,
    shards: number,
    held: number,
  ): void;
  impairTick(): number;
}

/** Compiles build/lns.wasm; the module can be posted to worker threads. */
export function compilePath(): WebAssembly.Module {
  return new WebAssembly.Module(readFileSync(new URL('../../build/lns.wasm', import.meta.url)));
}

/** An instance of the path over a memory of its users'. */
export function instantiatePath(module: WebAssembly.Module, memory: WebAssembly.Memory): PathExports {
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as PathExports;
}
