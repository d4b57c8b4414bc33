import { parseIpv4, parseIpv6 } from '../wire/address.ts';
import { decodeSecret9, isSecret9 } from './secret9.ts';
import type { ValueType } from './statement.ts';

/** Does `value` fit? @returns null, or what is wrong in Junos' words */
export function checkValue(type: ValueType, value: string): string | null {
  switch (type.type) {
    case 'uint':
    case 'int': {
      const number = /^-?\d{1,10}$/.test(value) ? Number(value) : Number.NaN;
      if (Number.isNaN(number)) return `invalid value '${value}': a number is expected`;
      if (number < type.min || number > type.max)
        return `value ${value} is not within range (${type.min}..${type.max})`;
      return null;
    }
    case 'text':
      if (value.length > type.max) return `Must be a string of ${type.max} characters or less`;
      if (value.length === 0) return type.message ?? `Must be a string of ${type.max} characters or less`;
      return type.pattern === undefined || type.pattern.test(value)
        ? null
        : (type.message ?? `invalid value '${value}'`);
    case 'secret': {
      if (value.length === 0) return 'the secret is empty';
      const octets = isSecret9(value) ? decodedLength(value) : value.length;
      return octets <= type.max ? null : `Must be a string of ${type.max} characters or less`;
    }
    case 'size': {
      const octets = parseSize(value);
      if (octets === null) return `invalid value '${value}': a size is expected, as 128k or 1m`;
      return octets >= type.min && octets <= type.max
        ? null
        : `value ${value} is not within range (${formatSize(type.min)}..${formatSize(type.max)})`;
    }
    case 'rate': {
      const rate = parseRate(value);
      if (rate === null) return `invalid value '${value}': a number is expected, as 512k or 10m`;
      return rate >= type.min && rate <= type.max
        ? null
        : `value ${value} is not within range (${type.min}..${type.max})`;
    }
    case 'regex':
      if (value.length === 0 || value.length > type.max) return `Must be a string of ${type.max} characters or less`;
      return isRegex(value) ? null : `invalid value '${value}': a regular expression is expected`;
    case 'prefix6': {
      const [address, length, ...rest] = value.split('/');
      const good = parseIpv6(address ?? '') !== null && rest.length === 0;
      return good && (length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= 128))
        ? null
        : `invalid value '${value}': an IPv6 prefix is expected`;
    }
    case 'ipv4': {
      const address = parseIpv4(value);
      if (address === null) return `invalid value '${value}': an IPv4 address is expected`;
      const first = address >>> 24;
      return type.unicast === true && (first === 0 || first >= 224)
        ? `invalid value '${value}': an address of a host is expected`
        : null;
    }
    case 'address':
      return parseIpv4(value) === null && parseIpv6(value) === null
        ? `invalid value '${value}': an address is expected`
        : null;
    case 'prefix4':
      return parsePrefix(value) === null ? `invalid value '${value}': an IPv4 prefix is expected` : null;
    case 'enum':
      return type.values.includes(value)
        ? null
        : `invalid value '${value}': one of ${type.values.join(', ')} is expected`;
  }
}
/** Of a `$9$` secret; 0 where it is none, which the checks say. */
function decodedLength(secret: string): number {
  try {
    return decodeSecret9(secret).length;
  } catch {
    return 0;
  }
}
/** "128k", "1m", "1g" or octets alone; null where it is none. */
export function parseSize(text: string): number | null {
  const match = /^(\d{1,12})([kmg]?)$/.exec(text);
  return match === null ? null : Number(match[1]) * 1024 ** ['', 'k', 'm', 'g'].indexOf(match[2]!);
}
/** "512k", "10m", "1g" or a number alone, in powers of a thousand; null where it is none. */
export function parseRate(text: string): number | null {
  const match = /^(\d{1,12})([kmg]?)$/.exec(text);
  return match === null ? null : Number(match[1]) * 1000 ** ['', 'k', 'm', 'g'].indexOf(match[2]!);
}
const formatSize = (octets: number): string => {
  const power = [3, 2, 1].find((one) => octets % 1024 ** one === 0) ?? 0;
  return `${octets / 1024 ** power}${['', 'k', 'm', 'g'][power]}`;
};
function isRegex(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}
/** "192.0.2.0/24" or an address alone. */
export function parsePrefix(text: string): { address: number; length: number } | null {
  const [address, length, ...rest] = text.split('/');
  const value = parseIpv4(address ?? '');
  if (value === null || rest.length > 0) return null;
  if (length === undefined) return { address: value, length: 32 };
  if (!/^\d{1,2}$/.test(length) || Number(length) > 32) return null;
  return { address: value, length: Number(length) };
}
