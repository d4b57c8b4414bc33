/** The LNS, the LAC emulator and the configuration language as a library; the packet path alone is `wasm-lns/engine`. */
export { formatDiagnostics, type LoadedConfig, loadConfig } from './config/load.ts';
export type { Diagnostic, LnsConfig } from './config/types.ts';
export { Lac, type LacOptions, type LacProfile, type LacStatus, type LacTraffic } from './emulator/lac.ts';
export { ConfigError, LnsError, ProtocolError, SystemError } from './errors.ts';
export { Lns, type LnsOptions } from './server/lns.ts';
export { type Log, lineLog } from './server/log.ts';
