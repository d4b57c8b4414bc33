import { InvalidArgumentError } from 'commander';

/** A whole number on the command line. */
export const integer =
  (least: number, most: number) =>
  (text: string): number => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isInteger(value) || value < least || value > most)
      throw new InvalidArgumentError(`a whole number from ${least} to ${most} is expected.`);
    return value;
  };
/** A number. */
export const amount =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!(value >= least && value <= most))
      throw new InvalidArgumentError(`a number from ${least} to ${most} is expected.`);
    return value;
  };
/** A part of the whole. */
export const part = (text: string): number => {
  const value = /^[\d.]+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 0 && value < 1)) throw new InvalidArgumentError('a number from 0 to below 1 is expected.');
  return value;
};
