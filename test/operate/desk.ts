// An operator's place at a server in this process.
import assert from 'node:assert/strict';
import type { LineFault } from '../../src/operate/match.ts';
import { Operator, type RunOptions } from '../../src/operate/operator.ts';
import type { Format } from '../../src/operate/pipes.ts';
import type { OperationalTarget, UserClass } from '../../src/operate/types.ts';
import { platformByName } from '../../src/platform/platform.ts';
import type { Lns } from '../../src/server/lns.ts';

export interface Desk {
  readonly operator: Operator;
  /** What a command prints. It must be done. */
  ask(line: string, format?: Format, options?: Partial<RunOptions>): Promise<string>;
  /** What is wrong with a line. */
  fault(line: string): Promise<LineFault>;
  /** Texts of what may follow. */
  possible(line: string): string[];
}

export function desk(lns: Lns, parts: Partial<OperationalTarget> = {}, userClass: UserClass = 'full'): Desk {
  const user = { name: 'kim', class: userClass };
  const operator = new Operator({
    lns,
    hostName: 'lns-test',
    version: '0.0.0',
    platform: platformByName('m10i'),
    ...parts,
  });
  return {
    operator,
    ask: async (line, format = 'text', options = {}) => {
      const result = await operator.run(line, { user, format, ...options });
      assert.ok('pieces' in result, `${line}: ${JSON.stringify(result)}`);
      let text = '';
      for await (const piece of result.pieces) text += piece;
      return text;
    },
    fault: async (line) => {
      const result = await operator.run(line, { user });
      assert.ok('fault' in result, `${line}: no fault`);
      return result.fault;
    },
    possible: (line) => operator.complete(line, user).possible.map(({ text }) => text),
  };
}
