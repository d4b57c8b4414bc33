// What the host sees of the module: the layout's constants, and the functions of the path.
export * from "./layout/l2tp";
export * from "./layout/memory";
export * from "./layout/tunnel";
export * from "./layout/session";
export * from "./layout/address";
export * from "./layout/bundle";
export * from "./layout/drop";
export * from "./layout/traffic";
export * from "./layout/shaper";
export * from "./layout/xdp";
export * from "./layout/fib";
export { attach, setNow, setClock } from "./state";
export { CORE_NONE, CORE_TUN, CORE_EMBEDDED, CORE_MEMORY, CORE_TRAFFIC, CORE_CLIENT, coreBackEnd } from "./path/deliver";
export { hostEnable } from "./path/host";
export { sessionIndexPut, sessionIndexRemove, sessionIndexFind } from "./table/sessions";
export { stackPush, stackRemove, addressFind } from "./table/addresses";
export {
  RUNS_NONE, RUNS_PEER, RUNS_TUNNEL, transmitOptions, transmitReset, transmitMessages, transmitRuns, transmitOuts, transmitSegments, transmitSingle, transmitLost, coreLost,
} from "./path/transmit";
export {
  receivePrepare, receiveRearm, upstream, upstreamRing, downstream, downstreamRing, ringsRelease, inject, coreSlot, epochEnter, epochLeave, upstreamList, downstreamList, peerOptions,
} from "./path/batch";
export { offloadOptions, offloadWrites } from "./path/offload";
export { xdpAttach, xdpFill, xdpReceive, xdpRelease, xdpFillWakes, xdpUntold, xdpTold } from "./path/xdp";
export { uringAttach, uringWrites, uringProbe, uringCancel, uringFailed, uringFailure } from "./path/uring";
export { coreReadSlot, coreReadDone, downstreamRuns } from "./path/split";
export { conforms } from "./path/police";
export { CLAMP_OFF, CLAMP_AUTO, mssOptions } from "./path/mss";
export { shapeInit, shapeTick, shapeWaiting } from "./path/shape";
export { trap } from "./path/hook";
export { ringDoorbell, puntOptions } from "./path/punt";
export { trafficOptions, trafficClock, trafficSend } from "./path/traffic";
export { impairOptions, impairTick } from "./path/impair";
export { mpTick, mpRecover } from "./mp/bundle";
export { peerTake, peerRelease, peerWake, peerWaits } from "./mp/peer";
export { decap } from "./path/decap";
export { MD5_WORK_SIZE, MD5_DIGEST, md5Begin, md5Add, md5End } from "./crypto/md5";
export { hideCipher } from "./crypto/hide";
