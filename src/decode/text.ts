// How octets from the wire are shown to people.

export const toHex = (octets: Uint8Array): string =>
  Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('hex');

/** Something shown: our own words as a string, or a peer's text, which is quoted when it is printed. */
export type Shown = string | { readonly text: string };

const utf8 = new TextDecoder('utf-8');
export const peerText = (octets: Uint8Array): Shown => ({ text: utf8.decode(octets) });

/** Control, format and separator characters: what could steer a terminal. */
const STEERING = /[\p{C}\p{Zl}\p{Zp}]/gu;
const escapeChar = (char: string): string =>
  Array.from({ length: char.length }, (_, i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`).join('');

/** Value as JSON on one line, in which no character steers a terminal. */
export const safeJson = (value: unknown): string => JSON.stringify(value).replace(STEERING, escapeChar);
/** For a line of text. */
export const print = (shown: Shown): string => (typeof shown === 'string' ? shown : safeJson(shown.text));
/** For a string in JSON. */
export const plain = (shown: Shown): string => (typeof shown === 'string' ? shown : shown.text);

export const hexNumber = (value: number, digits: number): string => `0x${value.toString(16).padStart(digits, '0')}`;

/** A number with its name: `2 (General error)`. */
export const named = (value: number, names: Readonly<Record<number, string>>): string => {
  const name = names[value];
  return name === undefined ? `${value}` : `${value} (${name})`;
};
