import type { LocalAction } from '../operate/grammar.ts';
import type { Completions, LineFault } from '../operate/match.ts';
import { parsePipes } from '../operate/pipes.ts';
import type { CliClient } from '../server/socket.ts';
import { faultLines, saveFiles } from './operate.ts';

/** Where output goes: a pager, or straight out. */
export interface Sink {
  /** @param paged wait after each screenful */
  begin(paged: boolean, hold: boolean): void;
  /** @returns false where nobody wants to see more */
  write(text: string): boolean;
  /** The operator sees his line above the output. */
  readonly echoes: boolean;
  /** Says what went wrong. */
  fail(text: string): void;
  /** All is written; resolves once all is seen. */
  end(): Promise<void>;
  /** Aborts when nobody wants more. */
  readonly signal: AbortSignal;
}

/** Settings of `set cli …`. */
export interface CliSettings {
  screenLength: number | null;
  screenWidth: number | null;
  completeOnSpace: boolean;
}

/** The two modes of the CLI over one connection: lines in, text out. */
export class Shell {
  readonly #client: CliClient;
  readonly #history: () => readonly string[];
  readonly settings: CliSettings = { screenLength: null, screenWidth: null, completeOnSpace: true };
  /** Columns of the output. */
  columns = 80;
  /** The last command could not be done. */
  failed = false;

  constructor(client: CliClient, history: () => readonly string[] = () => []) {
    this.#client = client;
    this.#history = history;
  }

  /** Lines above the prompt, and the prompt. */
  get prompt(): { above: string | null; text: string } {
    const { user, host } = this.#client.hello;
    return { above: null, text: `${user}@${host}> ` };
  }

  async complete(line: string): Promise<Completions> {
    const end = await this.#client.ask({ op: 'complete', line, mode: 'operate' });
    return end.end === 'done' ? (end.value as Completions) : { from: line.length, possible: [], fault: null };
  }

  /** Runs a line. @returns false where it was the last */
  async execute(line: string, sink: Sink): Promise<boolean> {
    this.failed = false;
    if (line.trim() === '') return true;
    const piped = parsePipes(line);
    if ('fault' in piped) {
      sink.begin(false, false);
      this.#fault(line, piped.fault, sink);
      await sink.end();
      return true;
    }
    const { pipeline } = piped;
    sink.begin(pipeline.more, pipeline.hold);
    const end = await this.#client.ask(
      { op: 'run', line: piped.command, format: piped.format, columns: this.columns },
      (text) => {
        const shown = pipeline.write(text);
        if (shown !== '') sink.write(shown);
      },
      sink.signal,
    );
    const rest = pipeline.end();
    if (rest !== '') sink.write(rest);
    let more = true;
    if (end.end === 'fault') this.#fault(line, end.fault as LineFault, sink);
    else if (end.end === 'error') this.#fail(sink, `error: ${end.message}\n`);
    else {
      try {
        const saved = saveFiles(pipeline);
        if (saved !== '') sink.write(saved);
      } catch (error) {
        this.#fail(sink, `error: ${(error as Error).message}\n`);
      }
      const { local } = (end.value ?? {}) as { local?: LocalAction };
      if (local !== undefined) more = this.#local(local, sink);
    }
    await sink.end();
    return more;
  }
  #fail(sink: Sink, text: string): void {
    this.failed = true;
    sink.fail(text);
  }
  /** The caret stands below the line as it was typed; where that is not on the screen, it is printed first. */
  #fault(line: string, fault: LineFault, sink: Sink): void {
    const lines = sink.echoes ? faultLines(fault, this.prompt.text.length) : [line, ...faultLines(fault, 0)];
    this.#fail(sink, `${lines.join('\n')}\n${sink.echoes ? '\n' : ''}`);
  }

  #local(action: LocalAction, sink: Sink): boolean {
    const { settings } = this;
    switch (action.do) {
      case 'quit':
        return false;
      case 'history':
        for (const line of this.#history()) sink.write(`  ${line}\n`);
        return true;
      case 'show-cli':
        sink.write(`CLI complete-on-space set to ${settings.completeOnSpace ? 'on' : 'off'}\n`);
        sink.write(`CLI screen-length set to ${settings.screenLength ?? 'the height of the terminal'}\n`);
        sink.write(`CLI screen-width set to ${settings.screenWidth ?? this.columns}\n`);
        return true;
      case 'set-cli':
        if (action.name === 'complete-on-space') settings.completeOnSpace = action.value === 'on';
        else if (action.name === 'screen-length') {
          settings.screenLength = Number(action.value);
          sink.write(`Screen length set to ${action.value}\n`);
        } else {
          settings.screenWidth = Number(action.value);
          sink.write(`Screen width set to ${action.value}\n`);
        }
        return true;
      case 'configure':
        return true;
    }
  }
}
