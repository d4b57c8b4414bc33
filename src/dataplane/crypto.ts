import { MD5_DIGEST } from '../generated/layout.ts';
import type { L2tpCrypto } from '../wire/crypto.ts';
import { compilePath } from './module.ts';

interface CryptoExports {
  md5Begin(work: number): void;
  md5Add(work: number, ptr: number, len: number): void;
  md5End(work: number): void;
  hideCipher(
    ptr: number,
    len: number,
    attributeType: number,
    secret: number,
    secretLen: number,
    vector: number,
    vectorLen: number,
    decipher: number,
    work: number,
  ): void;
}

/** Where the octets of a call go in the instance's memory, behind the compiler's data segment. */
const WORK = 0x10000;
const DATA = WORK + 256;
const PAGES = 4;

/** MD5 and AVP hiding in Wasm, over a small memory of its own. */
export class WasmCrypto implements L2tpCrypto {
  readonly #wasm: CryptoExports;
  readonly #octets: Uint8Array;

  constructor(module: WebAssembly.Module = compilePath()) {
    const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES, shared: true });
    this.#wasm = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as CryptoExports;
    this.#octets = new Uint8Array(memory.buffer);
  }

  md5(...parts: Uint8Array[]): Uint8Array {
    this.#wasm.md5Begin(WORK);
    for (const part of parts) {
      for (let at = 0; at < part.length; at += 65536) {
        const piece = part.length <= 65536 ? part : part.subarray(at, at + 65536);
        this.#octets.set(piece, DATA);
        this.#wasm.md5Add(WORK, DATA, piece.length);
      }
    }
    this.#wasm.md5End(WORK);
    return this.#octets.slice(WORK + MD5_DIGEST, WORK + MD5_DIGEST + 16);
  }

  hide(
    attributeType: number,
    secret: Uint8Array,
    randomVector: Uint8Array,
    value: Uint8Array,
    padding: Uint8Array,
  ): Uint8Array {
    const length = 2 + value.length + padding.length;
    this.#octets[DATA] = value.length >>> 8;
    this.#octets[DATA + 1] = value.length & 0xff;
    this.#octets.set(value, DATA + 2);
    this.#octets.set(padding, DATA + 2 + value.length);
    return this.#cipher(length, attributeType, secret, randomVector, false);
  }

  unhide(attributeType: number, secret: Uint8Array, randomVector: Uint8Array, hidden: Uint8Array): Uint8Array | null {
    if (hidden.length < 2) return null;
    this.#octets.set(hidden, DATA);
    const clear = this.#cipher(hidden.length, attributeType, secret, randomVector, true);
    const length = (clear[0]! << 8) | clear[1]!;
    return length <= clear.length - 2 ? clear.subarray(2, 2 + length) : null;
  }

  challengeResponse(messageType: number, secret: Uint8Array, challenge: Uint8Array): Uint8Array {
    return this.md5(new Uint8Array([messageType]), secret, challenge);
  }

  #cipher(
    length: number,
    attributeType: number,
    secret: Uint8Array,
    vector: Uint8Array,
    decipher: boolean,
  ): Uint8Array {
    const secretAt = DATA + length;
    const vectorAt = secretAt + secret.length;
    this.#octets.set(secret, secretAt);
    this.#octets.set(vector, vectorAt);
    this.#wasm.hideCipher(
      DATA,
      length,
      attributeType,
      secretAt,
      secret.length,
      vectorAt,
      vector.length,
      decipher ? 1 : 0,
      WORK,
    );
    const out = this.#octets.slice(DATA, DATA + length);
    this.#octets.fill(0, DATA, vectorAt + vector.length); // no secret stays behind
    return out;
  }
}
