/** Acct-Terminate-Cause (RFC 2866 section 5.10), where a session may end so. */
export const Terminate = {
  UserRequest: 1,
  LostCarrier: 2,
  IdleTimeout: 4,
  SessionTimeout: 5,
  AdminReset: 6,
  AdminReboot: 7,
  PortError: 8,
  NasError: 9,
  NasRequest: 10,
  ServiceUnavailable: 15,
  UserError: 17,
} as const;
export type TerminateCause = (typeof Terminate)[keyof typeof Terminate];

/** How the call of a session came to its end, as far as L2TP knows. */
export interface CallEnd {
  /** The whole tunnel went. */
  readonly tunnel: boolean;
  /** The peer said so; otherwise we did. */
  readonly byPeer: boolean;
  /** Nobody said anything: the control channel failed. */
  readonly silent: boolean;
  /** Result Code of the CDN or StopCCN (RFC 2661 section 4.4.2). */
  readonly resultCode: number;
}

/**
 * The cause where PPP, the operator or a limit has not given one, as Junos maps its reasons: StopCCN received is the
 * user's request, CDN received the NAS's; a control channel that fails leaves no service; what we refuse for want of
 * resources is the NAS's error.
 */
export function causeOfCall({ tunnel, byPeer, silent, resultCode }: CallEnd): TerminateCause {
  if (silent) return Terminate.ServiceUnavailable;
  if (tunnel) {
    if (byPeer) return Terminate.UserRequest;
    if (resultCode === 6) return Terminate.AdminReset; // being shut down
    if (resultCode === 4) return Terminate.UserError; // not authorized
    return resultCode === 1 ? Terminate.AdminReset : Terminate.ServiceUnavailable;
  }
  if (byPeer) return Terminate.NasRequest;
  if (resultCode === 4 || resultCode === 5) return Terminate.NasError;
  return resultCode === 3 ? Terminate.AdminReset : Terminate.NasRequest;
}
