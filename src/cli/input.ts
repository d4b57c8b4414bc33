import { readFileSync } from 'node:fs';
import { ConfigError } from '../errors.ts';

/** Reads the file that an argument names. @throws ConfigError where it cannot be read */
export function readInput(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a directory' : message;
    throw new ConfigError(`${file} cannot be read: ${why}`);
  }
}
