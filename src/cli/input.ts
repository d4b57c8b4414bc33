import { readFileSync } from 'node:fs';
import { ConfigError } from '../errors.ts';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of the path is no directory',
  EACCES: 'permission denied',
  ENOSPC: 'the disk is full',
};
/** Why a file could not be read or written, in words. */
export function fileReason(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return REASONS[code] ?? message;
}

/** Reads the file that an argument names. @throws ConfigError where it cannot be read */
export function readInput(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new ConfigError(`${file} cannot be read: ${fileReason(error)}`);
  }
}
