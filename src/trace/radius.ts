import { print, safeJson } from '../decode/text.ts';
import { DICTIONARY } from '../radius/dictionary.ts';
import { Code, decodeValue, parsePacket } from '../radius/packet.ts';

const CODE_NAMES = new Map<number, string>(
  Object.entries(Code).map(([name, code]) => [code, name.replace(/(?<=[a-z])(?=[A-Z])/g, '-')]),
);

/**
 * A RADIUS packet in words: code, identifier and length, then its attributes. What is hidden on the wire stays hidden;
 * of octets (CHAP-Password, Class, State) only the length is told.
 */
export function radiusText(octets: Uint8Array): string[] {
  const packet = parsePacket(octets);
  if (typeof packet === 'string') return [`no RADIUS packet: ${packet}`];
  const name = CODE_NAMES.get(packet.code) ?? `code ${packet.code}`;
  const lines = [`${name} id ${packet.identifier} length ${packet.octets.length}`];
  for (const { vendor, type, value } of packet.attributes) {
    const definition = DICTIONARY.find(vendor, type);
    const label = definition?.name ?? (vendor === 0 ? `attribute ${type}` : `vendor ${vendor} attribute ${type}`);
    let shown = `${value.length} octets`;
    if (definition !== undefined && definition.hidden !== 0) shown = '(hidden)';
    else if (definition !== undefined) {
      const decoded = decodeValue(definition, value);
      if (typeof decoded === 'string') shown = print({ text: decoded });
      else if (typeof decoded === 'number' || typeof decoded === 'bigint') shown = String(decoded);
    }
    lines.push(`          ${safeJson(label).slice(1, -1)}: ${shown}`);
  }
  return lines;
}
/** User-Name of a packet; empty where it has none. */
export function radiusUser(octets: Uint8Array): string {
  const packet = parsePacket(octets);
  const value =
    typeof packet === 'string' ? undefined : packet.attributes.find(({ vendor, type }) => vendor === 0 && type === 1);
  return value === undefined ? '' : Buffer.from(value.value).toString('utf8');
}
