import type { EditState } from '../operate/conversation.ts';
import type { LocalAction } from '../operate/grammar.ts';
import type { Completions, LineFault } from '../operate/match.ts';
import { parsePipes } from '../operate/pipes.ts';
import type { CliClient } from '../server/socket.ts';
import { faultLines, saveFiles } from './operate.ts';

/** Where output goes, and where text comes from that a command asks for: a terminal, or a script. */
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
  /** Lines up to Ctrl-D; null after Ctrl-C. */
  readText(): Promise<string | null>;
  /** One line; null after Ctrl-C or Ctrl-D. */
  readAnswer(question: string): Promise<string | null>;
}

/** Settings of `set cli …`. */
export interface CliSettings {
  screenLength: number | null;
  screenWidth: number | null;
  completeOnSpace: boolean;
}

/** Pipes whose work is the server's: they concern the configuration itself. */
const CONFIGURATION_PIPE = /^(?:com(?:p(?:a(?:r(?:e)?)?)?)?|d(?:i(?:s(?:p(?:l(?:a(?:y)?)?)?)?)?)?)(?:\s|$)/;
const OPERATIONAL_PIPE =
  /^(?:com(?:p(?:a(?:r(?:e)?)?)?)?(?:\s|$)|d(?:i(?:s(?:p(?:l(?:a(?:y)?)?)?)?)?)?\s+(?:s|i)[a-z]*\s*)/;
/** `run COMMAND` of configuration mode. */
const RUN = /^(\s*run?\s+)(.*)$/s;

/** The two modes of the CLI over one connection: lines in, text out. */
export class Shell {
  readonly #client: CliClient;
  readonly #history: () => readonly string[];
  readonly settings: CliSettings = { screenLength: null, screenWidth: null, completeOnSpace: true };
  /** Columns of the output. */
  columns = 80;
  /** The last command could not be done. */
  failed = false;
  /** Place in the configuration, `[edit …]`; null: operational mode. */
  #banner: string | null = null;

  constructor(client: CliClient, history: () => readonly string[] = () => []) {
    this.#client = client;
    this.#history = history;
  }

  get configuring(): boolean {
    return this.#banner !== null;
  }
  /** Lines above the prompt, and the prompt. */
  get prompt(): { above: string | null; text: string } {
    const { user, host } = this.#client.hello;
    return this.#banner === null
      ? { above: null, text: `${user}@${host}> ` }
      : { above: `\n${this.#banner}`, text: `${user}@${host}# ` };
  }

  /** What may follow at the end of `line`. */
  async complete(line: string): Promise<Completions> {
    const run = this.#banner === null ? null : RUN.exec(line);
    if (run !== null) {
      const { from, possible, fault } = await this.#complete(run[2]!, 'operate');
      const shift = run[1]!.length;
      return {
        from: from + shift,
        possible,
        fault: fault === null ? null : { ...fault, offset: fault.offset + shift },
      };
    }
    const completions = await this.#complete(line, this.#banner === null ? 'operate' : 'configure');
    const begun = line.trimStart();
    if (this.#banner === null || /\s/.test(begun) || !'run'.startsWith(begun)) return completions;
    const possible = [
      ...completions.possible,
      { text: 'run', help: 'Run an operational-mode command', kind: 'keyword' } as const,
    ].sort((a, b) => (a.text < b.text ? -1 : 1));
    return { ...completions, possible };
  }
  async #complete(line: string, mode: 'operate' | 'configure'): Promise<Completions> {
    const end = await this.#client.ask({ op: 'complete', line, mode });
    return end.end === 'done' ? (end.value as Completions) : { from: line.length, possible: [], fault: null };
  }

  /** Runs a line. @returns false where it was the last */
  async execute(line: string, sink: Sink): Promise<boolean> {
    this.failed = false;
    if (line.trim() === '') return true;
    if (this.#banner === null) return this.#operate(line, 0, sink);
    const run = RUN.exec(line);
    if (run === null) await this.#edit(line, sink);
    else await this.#operate(line, run[1]!.length, sink);
    return true;
  }

  /** @param from where the command begins in the line, behind `run` */
  async #operate(line: string, from: number, sink: Sink): Promise<boolean> {
    const piped = parsePipes(line.slice(from), (filter) => OPERATIONAL_PIPE.test(filter));
    if ('fault' in piped) {
      sink.begin(false, false);
      this.#fault(line, from, piped.fault, sink);
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
    if (end.end === 'fault') this.#fault(line, from, end.fault as LineFault, sink);
    else if (end.end === 'error') this.#fail(sink, `error: ${end.message}\n`);
    else {
      this.#save(pipeline, sink);
      const { local, edit } = (end.value ?? {}) as { local?: LocalAction; edit?: EditState };
      if (edit !== undefined) this.#banner = edit.banner;
      if (local !== undefined) more = this.#local(local, sink);
    }
    await sink.end();
    return more;
  }

  async #edit(line: string, sink: Sink): Promise<void> {
    const piped = parsePipes(line, (filter) => CONFIGURATION_PIPE.test(filter));
    if ('fault' in piped) {
      sink.begin(false, false);
      this.#fault(line, 0, piped.fault, sink);
      await sink.end();
      return;
    }
    const { pipeline } = piped;
    for (let input: string | null = null; ; ) {
      sink.begin(pipeline.more, pipeline.hold);
      let text = '';
      const end = await this.#client.ask(
        { op: 'edit', line: piped.command, input },
        (piece) => {
          text += piece;
        },
        sink.signal,
      );
      if (end.end !== 'done') {
        if (end.end === 'error') this.#fail(sink, `error: ${end.message}\n`);
        await sink.end();
        return;
      }
      const { banner, ok, column, needsInput } = (end.value as { edit: EditState }).edit;
      this.#banner = banner;
      if (column !== null) this.#fault(line, 0, { offset: column, message: text.replace(/\n$/, '') }, sink);
      else if (!ok) this.#fail(sink, text);
      else sink.write(pipeline.write(text));
      if (needsInput === null) {
        sink.write(pipeline.end());
        if (ok) this.#save(pipeline, sink);
        await sink.end();
        return;
      }
      await sink.end();
      // The question is the prompt, so that it is drawn again with what is typed.
      const answer =
        needsInput === 'terminal'
          ? await sink.readText()
          : await sink.readAnswer(text.slice(text.lastIndexOf('\n') + 1));
      if (answer === null && needsInput === 'terminal') return;
      input = answer ?? 'no';
    }
  }

  #save(pipeline: Parameters<typeof saveFiles>[0], sink: Sink): void {
    try {
      const saved = saveFiles(pipeline);
      if (saved !== '') sink.write(saved);
    } catch (error) {
      this.#fail(sink, `error: ${(error as Error).message}\n`);
    }
  }
  #fail(sink: Sink, text: string): void {
    this.failed = true;
    sink.fail(text);
  }
  /** The caret stands below the line as it was typed; where that is not on the screen, it is printed first. */
  #fault(line: string, from: number, fault: LineFault, sink: Sink): void {
    const lines = sink.echoes ? faultLines(fault, this.prompt.text.length + from) : [line, ...faultLines(fault, from)];
    this.#fail(sink, `${lines.join('\n')}\n${sink.echoes && this.#banner === null ? '\n' : ''}`);
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
