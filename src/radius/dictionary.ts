import { readFileSync } from 'node:fs';
import { ConfigError } from '../errors.ts';

const TYPES = [
  'string',
  'octets',
  'ipaddr',
  'integer',
  'integer64',
  'date',
  'ipv6addr',
  'ipv6prefix',
  'ifid',
  'byte',
  'short',
] as const;
/** How a value stands in its attribute (RFC 2865 section 5, RFC 3162 section 2, RFC 8044). */
export type AttributeType = (typeof TYPES)[number];

/** What the dictionary says of one attribute. */
export interface AttributeDefinition {
  readonly name: string;
  /** SMI Private Enterprise Code; 0 for an attribute of the RFCs. */
  readonly vendor: number;
  readonly type: number;
  readonly kind: AttributeType;
  /** The value begins with a Tag (RFC 2868 section 3.1). */
  readonly tagged: boolean;
  /** `1` as User-Password (RFC 2865 section 5.2), `2` as Tunnel-Password (RFC 2868 section 3.5), 0 in clear. */
  readonly hidden: 0 | 1 | 2;
}

const numberKey = (vendor: number, type: number): number => vendor * 256 + type;

/** Attributes by name and by number, and the names of their values. */
export class Dictionary {
  readonly #byName = new Map<string, AttributeDefinition>();
  readonly #byNumber = new Map<number, AttributeDefinition>();
  readonly #values = new Map<string, Map<string, number>>();
  readonly #vendors = new Map<string, number>();

  /**
   * Adds the text of a dictionary file as FreeRADIUS writes it: ATTRIBUTE, VALUE, VENDOR, BEGIN-VENDOR, END-VENDOR.
   * Attributes of types not known here are octets; a later definition of a number replaces an earlier one.
   * @throws ConfigError with file and line where a line cannot be read
   */
  add(text: string, file = 'dictionary'): this {
    let vendor = 0;
    for (const [index, raw] of text.split('\n').entries()) {
      const words = raw
        .replace(/#.*/, '')
        .trim()
        .split(/\s+/)
        .filter((word) => word !== '');
      if (words.length === 0) continue;
      const fail = (what: string): never => {
        throw new ConfigError(`${file}:${index + 1}: ${what}`);
      };
      const [keyword, name, third, fourth, ...rest] = words;
      switch (keyword!.toUpperCase()) {
        case 'VENDOR':
          if (name === undefined || !/^\d+$/.test(third ?? '')) fail('VENDOR wants a name and a number');
          this.#vendors.set(name!, Number(third));
          break;
        case 'BEGIN-VENDOR':
          vendor = this.#vendors.get(name ?? '') ?? fail(`vendor ${name} is not known`);
          break;
        case 'END-VENDOR':
          vendor = 0;
          break;
        case 'ATTRIBUTE': {
          const type = Number(third);
          if (name === undefined || fourth === undefined || !Number.isInteger(type) || type < 1 || type > 255)
            fail('ATTRIBUTE wants a name, a number from 1 to 255 and a type');
          const word = fourth!.toLowerCase().replace(/\[.*/, '');
          const flags = rest.join(',').split(',');
          const definition: AttributeDefinition = {
            name: name!,
            vendor,
            type,
            kind: TYPES.find((one) => one === word) ?? 'octets',
            tagged: flags.includes('has_tag'),
            hidden: flags.includes('encrypt=1') ? 1 : flags.includes('encrypt=2') ? 2 : 0,
          };
          this.#byName.set(name!, definition);
          this.#byNumber.set(numberKey(vendor, type), definition);
          break;
        }
        case 'VALUE': {
          const value = Number(fourth);
          if (name === undefined || third === undefined || !Number.isInteger(value))
            fail('VALUE wants an attribute, a name and a number');
          let values = this.#values.get(name!);
          if (values === undefined) {
            values = new Map();
            this.#values.set(name!, values);
          }
          values.set(third!, value);
          break;
        }
        default:
          fail(`${keyword} is not known`);
      }
    }
    return this;
  }

  find(vendor: number, type: number): AttributeDefinition | undefined {
    return this.#byNumber.get(numberKey(vendor, type));
  }
  named(name: string): AttributeDefinition | undefined {
    return this.#byName.get(name);
  }
  /** @throws ConfigError where the dictionary has no attribute of that name */
  require(name: string): AttributeDefinition {
    const found = this.#byName.get(name);
    if (found === undefined) throw new ConfigError(`the RADIUS dictionary has no attribute ${name}`);
    return found;
  }
  /** The number of a named value, as `valueOf('Service-Type', 'Framed-User')`. @throws ConfigError where there is none */
  valueOf(attribute: string, value: string): number {
    const found = this.#values.get(attribute)?.get(value);
    if (found === undefined) throw new ConfigError(`the RADIUS dictionary has no value ${value} of ${attribute}`);
    return found;
  }
  /** The name of a value, or the value itself where it has none. */
  nameOf(attribute: string, value: number): string {
    for (const [name, number] of this.#values.get(attribute) ?? []) if (number === value) return name;
    return String(value);
  }
}

/** The package's own dictionary, share/radius.dictionary. */
export const DICTIONARY: Dictionary = new Dictionary().add(
  readFileSync(new URL('../../share/radius.dictionary', import.meta.url), 'utf8'),
  'share/radius.dictionary',
);
