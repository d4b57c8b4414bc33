/** MD5 and what RFC 2661 makes of it. The product's is compiled to Wasm (src/dataplane/crypto.ts). */
export interface L2tpCrypto {
  /** 16 octets. */
  md5(...parts: Uint8Array[]): Uint8Array;
  /** Section 4.3: value of the hidden AVP: Original Length, value and padding, enciphered. */
  hide(
    attributeType: number,
    secret: Uint8Array,
    randomVector: Uint8Array,
    value: Uint8Array,
    padding: Uint8Array,
  ): Uint8Array;
  /** null where the deciphered Original Length does not fit. */
  unhide(attributeType: number, secret: Uint8Array, randomVector: Uint8Array, hidden: Uint8Array): Uint8Array | null;
  /** Section 5.1.1: MD5(message type octet, secret, challenge), 16 octets. */
  challengeResponse(messageType: number, secret: Uint8Array, challenge: Uint8Array): Uint8Array;
}
