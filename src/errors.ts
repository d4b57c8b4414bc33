/** Base of everything this package throws. Match on `code`; `message` is for people. */
export abstract class LnsError extends Error {
  abstract readonly code: `ERR_LNS_${string}`;
  override get name(): string {
    return this.constructor.name;
  }
}

/** The peer broke the protocol; carries what StopCCN or CDN must say (RFC 2661 section 4.4.2). */
export class ProtocolError extends LnsError {
  readonly code = 'ERR_LNS_PROTOCOL';
  readonly resultCode: number;
  readonly errorCode: number;
  constructor(message: string, resultCode: number, errorCode = 0) {
    super(message);
    this.resultCode = resultCode;
    this.errorCode = errorCode;
  }
}

/** The operator's or embedder's mistake. */
export class ConfigError extends LnsError {
  readonly code = 'ERR_LNS_CONFIG';
}

/** An argument of a command that makes no sense. */
export class UsageError extends LnsError {
  readonly code = 'ERR_LNS_USAGE';
}

/** A system call failed. */
export class SystemError extends LnsError {
  readonly code = 'ERR_LNS_SYSTEM';
  /** Name of the error, as `EPERM`. */
  readonly errorName: string;
  constructor(message: string, errorName: string) {
    super(message);
    this.errorName = errorName;
  }
}
