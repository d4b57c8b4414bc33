/** A word of the file. */
export interface Word {
  readonly text: string;
  readonly quoted: boolean;
  /** A quotation mark stands right beside it: it may be of a string whose other end is lost. */
  readonly torn?: boolean;
  readonly line: number;
  readonly column: number;
}
/** A statement as it is written: words, then `;` or a block. */
export interface RawStatement {
  readonly words: readonly Word[];
  /** A value list in brackets, where the statement ends with one. */
  readonly list: readonly Word[] | null;
  readonly children: readonly RawStatement[] | null;
  readonly inactive: boolean;
  readonly comment: string | null;
  /** `replace:` and `delete:`, which `load` gives a meaning. */
  readonly tag: 'replace' | 'delete' | null;
}
export interface SyntaxFault {
  readonly line: number;
  readonly column: number;
  /** Words of the enclosing blocks. */
  readonly path: readonly string[];
  readonly token: string;
  readonly message: string;
}

export interface Token {
  kind: 'word' | 'punctuation' | 'end';
  text: string;
  quoted: boolean;
  /** As of a `Word`. */
  torn?: boolean;
  line: number;
  column: number;
  comment: string | null;
}
/** Blocks in blocks; more is a mistake. */
const NESTING_MAX = 64;
const PUNCTUATION = '{};[]';
/** Tags before a statement that only `load` gives a meaning. */
const LOAD_TAGS = new Set(['replace:', 'delete:']);

const SPACE = /\s/;

/** Comments that follow each other are one. */
const joined = (before: string | null, more: string): string => (before === null ? more : `${before}\n${more}`);

/** Cuts the text into words. Linear in its length. */
export class Lexer {
  readonly #text: string;
  #at = 0;
  #line = 1;
  #lineStart = 0;
  /** Line on which the last token ended: a comment there belongs to no statement. */
  #lastLine = 0;
  fault: { line: number; column: number; message: string } | null = null;
  constructor(text: string) {
    this.#text = text;
  }
  next(): Token {
    const text = this.#text;
    let comment: string | null = null;
    for (;;) {
      const c = text[this.#at];
      if (c === undefined) return this.#token('end', '', false, comment);
      if (c === '\n') {
        this.#at++;
        this.#line++;
        this.#lineStart = this.#at;
      } else if (c === ' ' || c === '\t' || SPACE.test(c)) this.#at++;
      else if (c === '#') {
        const end = text.indexOf('\n', this.#at);
        const line = text.slice(this.#at, end < 0 ? text.length : end);
        // Lines with ## are the system's own.
        if (!line.startsWith('##') && this.#line !== this.#lastLine) comment = joined(comment, line.slice(1).trim());
        this.#at = end < 0 ? text.length : end;
      } else if (c === '/' && text[this.#at + 1] === '*') {
        const end = text.indexOf('*/', this.#at + 2);
        if (end < 0) {
          this.fault ??= { line: this.#line, column: this.#column(), message: 'comment without end' };
          this.#at = text.length;
          continue;
        }
        const trails = this.#line === this.#lastLine && /^[ \t\r]*(\n|$)/.test(text.slice(end + 2, end + 66));
        if (!trails) comment = joined(comment, text.slice(this.#at + 2, end).trim());
        for (let i = this.#at; i < end; i++)
          if (text[i] === '\n') {
            this.#line++;
            this.#lineStart = i + 1;
          }
        this.#at = end + 2;
      } else break;
    }
    const c = text[this.#at]!;
    if (PUNCTUATION.includes(c)) {
      const token = this.#token('punctuation', c, false, comment);
      this.#at++;
      return token;
    }
    if (c === '"') return this.#string(comment);
    const start = this.#at;
    const token = this.#token('word', '', false, comment);
    while (this.#at < text.length && !/[\s{};[\]"]/.test(text[this.#at]!)) this.#at++;
    token.text = text.slice(start, this.#at);
    if (text[this.#at] === '"' || text[start - 1] === '"') token.torn = true;
    return token;
  }
  #string(comment: string | null): Token {
    const text = this.#text;
    const token = this.#token('word', '', true, comment);
    let value = '';
    this.#at++;
    for (;;) {
      const c = text[this.#at];
      if (c === undefined || c === '\n') {
        this.fault ??= { line: token.line, column: token.column, message: 'unterminated string' };
        break;
      }
      this.#at++;
      if (c === '"') break;
      if (c === '\\' && this.#at < text.length && text[this.#at] !== '\n') {
        const escaped = text[this.#at++]!;
        value += escaped === 'n' ? '\n' : escaped === 't' ? '\t' : escaped;
      } else value += c;
    }
    token.text = value;
    return token;
  }
  #column(): number {
    return this.#at - this.#lineStart + 1;
  }
  #token(kind: Token['kind'], text: string, quoted: boolean, comment: string | null): Token {
    this.#lastLine = this.#line;
    return { kind, text, quoted, line: this.#line, column: this.#column(), comment };
  }
}

/** Parses the curly format. Never throws: statements up to the first fault, and the fault. */
export function parseCurly(text: string, tags = false): { statements: RawStatement[]; fault: SyntaxFault | null } {
  const lexer = new Lexer(text);
  let token = lexer.next();
  let fault: SyntaxFault | null = null;
  const path: string[] = [];
  const fail = (at: Token, message: string): void => {
    fault ??= { line: at.line, column: at.column, path: [...path], token: at.text || 'end of file', message };
  };
  const word = (from: Token): Word => ({
    text: from.text,
    quoted: from.quoted,
    ...(from.torn === true ? { torn: true } : {}),
    line: from.line,
    column: from.column,
  });

  const block = (depth: number): RawStatement[] => {
    const statements: RawStatement[] = [];
    while (fault === null) {
      if (token.kind === 'end') {
        if (depth > 0) fail(token, "missing '}'");
        return statements;
      }
      if (token.kind === 'punctuation') {
        if (token.text === '}' && depth > 0) {
          token = lexer.next();
          return statements;
        }
        fail(token, 'syntax error');
        return statements;
      }
      const statement = parseStatement(depth);
      if (statement === null) return statements;
      statements.push(statement);
    }
    return statements;
  };

  const parseStatement = (depth: number): RawStatement | null => {
    const words: Word[] = [];
    const { comment } = token;
    let inactive = false;
    let tag: RawStatement['tag'] = null;
    while (token.kind === 'word') {
      if (words.length === 0 && !token.quoted) {
        if (token.text === 'inactive:') {
          inactive = true;
          token = lexer.next();
          continue;
        }
        if (token.text === 'protect:') {
          token = lexer.next();
          continue;
        }
        if (LOAD_TAGS.has(token.text) && tags) {
          tag = token.text === 'replace:' ? 'replace' : 'delete';
          token = lexer.next();
          continue;
        }
        if (LOAD_TAGS.has(token.text)) {
          fail(token, `'${token.text}' is for 'load', not for a configuration file`);
          return null;
        }
      }
      words.push(word(token));
      token = lexer.next();
    }
    let list: Word[] | null = null;
    if (token.kind === 'punctuation' && token.text === '[') {
      list = [];
      token = lexer.next();
      while (token.kind === 'word') {
        list.push(word(token));
        token = lexer.next();
      }
      if (token.kind !== 'punctuation' || token.text !== ']') {
        fail(token, "missing ']'");
        return null;
      }
      token = lexer.next();
    }
    if (words.length === 0) {
      fail(token, 'syntax error');
      return null;
    }
    if (token.kind === 'punctuation' && token.text === ';') {
      token = lexer.next();
      return { words, list, children: null, inactive, comment, tag };
    }
    if (token.kind === 'punctuation' && token.text === '{' && list === null) {
      if (depth >= NESTING_MAX) {
        fail(token, 'too many nested blocks');
        return null;
      }
      token = lexer.next();
      path.push(words.map((one) => (one.torn === true ? '...' : one.text)).join(' '));
      const children = block(depth + 1);
      if (fault === null) path.pop();
      return { words, list: null, children, inactive, comment, tag };
    }
    fail(token, token.kind === 'end' ? "missing ';'" : 'syntax error');
    return null;
  };

  const statements = block(0);
  if (lexer.fault !== null)
    fault = { ...lexer.fault, path: [], token: lexer.fault.message === 'unterminated string' ? '"' : '/*' };
  return { statements, fault };
}

/** The words of one typed line, brackets among them; null words and a fault where a string has no end. */
export function lexLine(text: string): { tokens: Token[]; fault: { column: number; message: string } | null } {
  const lexer = new Lexer(text);
  const tokens: Token[] = [];
  for (let token = lexer.next(); token.kind !== 'end'; token = lexer.next()) tokens.push(token);
  return { tokens, fault: lexer.fault };
}
