/**
 * One element of a reply: a leaf with a value, or a container. Lists may be lazy: `children` is read once, in order, and
 * elements of one name stand side by side.
 */
export interface Element {
  readonly name: string;
  readonly attributes?: Readonly<Record<string, string>>;
  /** Raw value of a leaf: numbers in full, whatever the text form abbreviates. */
  readonly value?: string;
  readonly children?: Iterable<Element>;
}

export const leaf = (
  name: string,
  value: string | number | bigint,
  attributes?: Readonly<Record<string, string>>,
): Element => (attributes === undefined ? { name, value: String(value) } : { name, value: String(value), attributes });

export const node = (
  name: string,
  children: Iterable<Element>,
  attributes?: Readonly<Record<string, string>>,
): Element => (attributes === undefined ? { name, children } : { name, children, attributes });

/** Leaves in order; those without a value (undefined or '') are left out. */
export function leaves(values: Readonly<Record<string, string | number | undefined>>): Element[] {
  const out: Element[] = [];
  for (const [name, value] of Object.entries(values))
    if (value !== undefined && value !== '') out.push({ name, value: String(value) });
  return out;
}

/** Children by name, of an element whose children are there (no lazy list). */
export class Fields {
  readonly #byName = new Map<string, Element>();
  constructor(element: Element) {
    for (const child of element.children ?? []) if (!this.#byName.has(child.name)) this.#byName.set(child.name, child);
  }
  /** Value of the leaf, '' where there is none. */
  text(name: string): string {
    return this.#byName.get(name)?.value ?? '';
  }
  number(name: string): number {
    return Number(this.#byName.get(name)?.value ?? 0);
  }
  has(name: string): boolean {
    return this.#byName.has(name);
  }
  get(name: string): Element | undefined {
    return this.#byName.get(name);
  }
}

const XML_ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
/** Text for XML 1.0; characters that XML cannot hold become U+FFFD. */
export const escapeXml = (text: string): string =>
  text
    .replace(/[&<>"]/g, (character) => XML_ESCAPES[character]!)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that XML 1.0 forbids
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd');

const attributesOf = (element: Element): string =>
  Object.entries(element.attributes ?? {})
    .map(([name, value]) => ` ${name}="${escapeXml(value)}"`)
    .join('');

function* xmlOf(element: Element, indent: string): Generator<string> {
  const start = `${indent}<${element.name}${attributesOf(element)}`;
  if (element.children === undefined) {
    yield element.value === undefined ? `${start}/>\n` : `${start}>${escapeXml(element.value)}</${element.name}>\n`;
    return;
  }
  yield `${start}>\n`;
  for (const child of element.children) yield* xmlOf(child, `${indent}    `);
  yield `${indent}</${element.name}>\n`;
}
/** The reply as Junos' XML, lines with their line feeds. */
export function* renderXml(reply: Iterable<Element>): Generator<string> {
  yield '<rpc-reply xmlns:junos="http://xml.juniper.net/junos/9.4R1/junos">\n';
  for (const element of reply) yield* xmlOf(element, '    ');
  yield '</rpc-reply>\n';
}

/** Members of an object: elements of one name become one list; a leaf is [ { "data": ... } ]. */
function* jsonMembers(children: Iterable<Element>, indent: string): Generator<string> {
  let name: string | null = null;
  for (const child of children) {
    if (child.name === name) yield ',\n';
    else {
      if (name !== null) yield `\n${indent}],\n`;
      name = child.name;
      yield `${indent}${JSON.stringify(name)} : [\n`;
    }
    yield* jsonValue(child, `${indent}  `);
  }
  if (name !== null) yield `\n${indent}]\n`;
}
function* jsonValue(element: Element, indent: string): Generator<string> {
  yield `${indent}{\n`;
  const inner = `${indent}  `;
  const attributes =
    element.attributes === undefined ? null : `${inner}"attributes" : ${JSON.stringify(element.attributes)}`;
  if (element.children === undefined) {
    const data = element.value === undefined ? [] : [`${inner}"data" : ${JSON.stringify(element.value)}`];
    const parts = attributes === null ? data : [attributes, ...data];
    yield `${parts.join(',\n')}\n`;
  } else {
    const members = jsonMembers(element.children, inner);
    const first = members.next();
    if (attributes !== null) yield first.done ? `${attributes}\n` : `${attributes},\n`;
    if (!first.done) {
      yield first.value;
      yield* members;
    }
  }
  yield `${indent}}`;
}
/** The reply as Junos' JSON. */
export function* renderJson(reply: Iterable<Element>): Generator<string> {
  yield '{\n';
  yield* jsonMembers(reply, '  ');
  yield '}\n';
}
