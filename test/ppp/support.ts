import type { AddressAssignment } from '../../src/ppp/types.ts';

export const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');
/** Octets from hexadecimal digits; white space parts them for the eye. */
export const octets = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replace(/\s/g, ''), 'hex'));
/** What a peer is given: 100.64.0.9 with 192.0.2.53 as its name server. */
export const ASSIGNMENT: AddressAssignment = {
  address: 0x64400009,
  localAddress: 0x6440ff01,
  primaryDns: 0xc0000235,
  secondaryDns: 0,
  primaryNbns: 0,
  secondaryNbns: 0,
};
