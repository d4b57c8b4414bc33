/** Refuses a command in one line; the CLI puts `error: ` before it. */
export class CommandError extends Error {}
