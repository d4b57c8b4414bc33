/** Captures and what is in them, as `lns decode` reads them. */
export { type DecodedFrame, type DecodeOptions, Decoder } from './decode.ts';
export { formatFrame, frameToJson } from './format.ts';
export { type FrameContent, Network } from './network.ts';
export { type CapturedFrame, CaptureReader } from './pcap.ts';
