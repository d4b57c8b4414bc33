// wasm-lns/radius: RADIUS packets, the client as a value, its driver over UDP, and the dynamic authorization server.
export { RadiusTransport } from '../io/radius.ts';
export { RadiusClient, type RadiusClientOptions } from './client.ts';
export { type AttributeDefinition, type AttributeType, DICTIONARY, Dictionary } from './dictionary.ts';
export * from './hide.ts';
export * from './packet.ts';
export * from './types.ts';
