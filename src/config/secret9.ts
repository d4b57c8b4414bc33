import { ConfigError } from '../errors.ts';

// The published, reversible obfuscation of Junos: a transposition, not a cipher.
const FAMILIES = ['QzF3n6/9CAtpu0O', 'B1IREhcSyrleKvMW8LXx', '7N-dVbwsY2g4oaJZGUDj', 'iHkq.mPf5T'] as const;
const ALPHABET = FAMILIES.join('');
const WEIGHTS: readonly (readonly number[])[] = [
  [1, 4, 32],
  [1, 16, 32],
  [1, 8, 32],
  [1, 64],
  [1, 32],
  [1, 4, 16, 128],
  [1, 32, 64],
];
const familyOf = (character: string): number => FAMILIES.findIndex((family) => family.includes(character));

/** Is it the stored form of a secret? */
export const isSecret9 = (text: string): boolean => text.startsWith('$9$');

/** @returns the plain text of a `$9$` secret  @throws ConfigError where it is none */
export function decodeSecret9(cipher: string): string {
  const fail = (why: string): never => {
    throw new ConfigError(`invalid $9$ secret: ${why}`);
  };
  if (!isSecret9(cipher)) fail('it does not begin with $9$');
  const salt = cipher[3];
  const family = salt === undefined ? -1 : familyOf(salt);
  if (family < 0) fail('its salt is no character of the alphabet');
  let at = 4 + 3 - family;
  if (at > cipher.length) fail('it is too short');
  for (let i = 3; i < cipher.length; i++)
    if (!ALPHABET.includes(cipher[i]!)) fail('a character is not of the alphabet');
  let previous = ALPHABET.indexOf(salt!);
  const octets: number[] = [];
  while (at < cipher.length) {
    const weights = WEIGHTS[octets.length % WEIGHTS.length]!;
    if (at + weights.length > cipher.length) fail('it ends inside a character');
    let value = 0;
    for (const weight of weights) {
      const index = ALPHABET.indexOf(cipher[at++]!);
      const gap = ((index - previous + ALPHABET.length) % ALPHABET.length) - 1;
      if (gap < 0) fail('a character repeats');
      value += gap * weight;
      previous = index;
    }
    octets.push(value & 0xff);
  }
  return Buffer.from(octets).toString('utf8');
}

/**
 * @param salt one character of the alphabet, and `filler` as many more as its family asks for
 * @returns the `$9$` form of a secret
 */
export function encodeSecret9(plain: string, salt: string, filler: string): string {
  const family = familyOf(salt);
  if (family < 0) throw new ConfigError('the salt is no character of the alphabet');
  let out = `$9$${salt}${filler.slice(0, 3 - family)}`;
  let previous = ALPHABET.indexOf(salt);
  Buffer.from(plain, 'utf8').forEach((octet, i) => {
    const weights = WEIGHTS[i % WEIGHTS.length]!;
    let rest = octet;
    const gaps = new Array<number>(weights.length);
    for (let w = weights.length - 1; w >= 0; w--) {
      gaps[w] = Math.floor(rest / weights[w]!);
      rest %= weights[w]!;
    }
    for (const gap of gaps) {
      const index = (gap + previous + 1) % ALPHABET.length;
      out += ALPHABET[index]!;
      previous = index;
    }
  });
  return out;
}

/** The `$9$` form with a salt of one's choice. @param random numbers in [0, 1) */
export function newSecret9(plain: string, random: () => number): string {
  const pick = (): string => ALPHABET[Math.floor(random() * ALPHABET.length)]!;
  return encodeSecret9(plain, pick(), pick() + pick() + pick());
}

/** The `$9$` form with a salt that follows from the secret: the same each time. It hides no less; it hides nothing. */
export function stableSecret9(plain: string): string {
  let state = 0x811c9dc5;
  for (let i = 0; i < plain.length; i++) state = Math.imul(state ^ plain.charCodeAt(i), 0x01000193);
  return newSecret9(plain, () => {
    state = (Math.imul(state, 0x0019660d) + 0x3c6ef35f) | 0;
    return (state >>> 0) / 2 ** 32;
  });
}
