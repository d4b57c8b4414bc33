import {
  be32,
  CONFIGURE_ACK,
  CONFIGURE_NAK,
  CONFIGURE_REJECT,
  IPCP_ADDRESS,
  IPCP_PRIMARY_DNS,
  IPCP_PRIMARY_NBNS,
  IPCP_SECONDARY_DNS,
  IPCP_SECONDARY_NBNS,
  octets32,
  PPP_IPCP,
  type PppOption,
  type PppPacket,
} from '../wire/ppp.ts';
import { ControlProtocol, type Judgement } from './protocol.ts';
import type { AddressAssignment, PppAction } from './types.ts';

export interface IpcpOwner {
  ipcpUp(now: number, out: PppAction[]): void;
  ipcpDown(now: number, out: PppAction[]): void;
  ipcpFinished(now: number, out: PppAction[]): void;
}

/** IP Control Protocol (RFC 1332) with the name servers of RFC 1877. */
export class Ipcp extends ControlProtocol {
  readonly #owner: IpcpOwner;
  readonly #peerMru: number;
  /** Server: what the peer gets; null on a client. */
  readonly assignment: AddressAssignment | null;
  /** Our own address; a client learns it. */
  localAddress: number;
  peerAddress = 0;
  #wantAddress = true;
  /** The peer was told once that it should ask for an address. */
  #suggested = false;
  /** Client: name servers as learnt, by option; those that it asks for. */
  readonly servers: Map<number, number> | null;
  readonly #ask: Set<number> | null;
  refused = false;

  /** @param assignment what a server gives; null: this is a client, which asks */
  constructor(assignment: AddressAssignment | null, peerMru: number, owner: IpcpOwner) {
    super(PPP_IPCP);
    this.assignment = assignment;
    this.#peerMru = peerMru;
    this.#owner = owner;
    this.localAddress = assignment?.localAddress ?? 0;
    this.servers = assignment === null ? new Map() : null;
    this.#ask = assignment === null ? new Set() : null;
    this.reset();
  }

  protected reset(): void {
    this.#wantAddress = true;
    this.#suggested = false;
    if (this.#ask !== null) for (const type of [IPCP_PRIMARY_DNS, IPCP_SECONDARY_DNS]) this.#ask.add(type);
  }

  protected request(): PppOption[] {
    const options: PppOption[] = [];
    if (this.#wantAddress) options.push({ type: IPCP_ADDRESS, value: octets32(this.localAddress) });
    for (const type of this.#ask ?? []) options.push({ type, value: octets32(this.servers!.get(type) ?? 0) });
    return options;
  }

  #offered(type: number): number {
    const { assignment } = this;
    if (assignment === null) return 0;
    if (type === IPCP_PRIMARY_DNS) return assignment.primaryDns;
    if (type === IPCP_SECONDARY_DNS) return assignment.secondaryDns;
    if (type === IPCP_PRIMARY_NBNS) return assignment.primaryNbns;
    return assignment.secondaryNbns;
  }

  protected judge(options: readonly PppOption[], insist: boolean): Judgement {
    const rejected: PppOption[] = [];
    const naked: PppOption[] = [];
    let address = 0;
    let asked = false;
    for (const option of options) {
      const { type, value } = option;
      if (type === IPCP_ADDRESS) {
        asked = true;
        if (this.assignment === null) {
          // A server's address: any will do, none is no address.
          if (value.length !== 4) naked.push({ type, value: octets32(0) });
          else address = be32(value, 0);
        } else if (value.length !== 4 || be32(value, 0) !== this.assignment.address)
          naked.push({ type, value: octets32(this.assignment.address) });
        else address = be32(value, 0);
      } else if (type >= IPCP_PRIMARY_DNS && type <= IPCP_SECONDARY_NBNS) {
        const offered = this.#offered(type);
        if (offered === 0) rejected.push(option);
        else if (value.length !== 4 || be32(value, 0) !== offered) naked.push({ type, value: octets32(offered) });
      } else rejected.push(option); // IP-Addresses (deprecated), IP-Compression-Protocol and the unknown
    }
    if (rejected.length > 0) return { code: CONFIGURE_REJECT, options: rejected };
    if (!asked && this.assignment !== null && !this.#suggested) {
      // RFC 1332 section 3.3: a Nak may tell the peer to ask for the option.
      this.#suggested = true;
      naked.push({ type: IPCP_ADDRESS, value: octets32(this.assignment.address) });
    }
    if (naked.length > 0) {
      if (insist) return { code: CONFIGURE_NAK, options: naked };
      // It insists on an address that is not its own: there is no agreement to be had.
      const wrong = options.filter((one) => naked.some((nak) => nak.type === one.type));
      if (wrong.some((one) => one.type === IPCP_ADDRESS)) this.refused = true;
      return { code: CONFIGURE_REJECT, options: wrong };
    }
    this.peerAddress = this.assignment?.address ?? address;
    return { code: CONFIGURE_ACK, options: [...options] };
  }

  protected naked(options: readonly PppOption[]): void {
    for (const { type, value } of options) {
      if (value.length !== 4) continue;
      if (type === IPCP_ADDRESS) {
        // A server keeps its own address; a client takes what it is given.
        if (this.assignment === null) this.localAddress = be32(value, 0);
        else this.#wantAddress = false;
      } else if (this.#ask?.has(type) === true) this.servers!.set(type, be32(value, 0));
    }
  }
  protected rejected(options: readonly PppOption[]): void {
    for (const { type } of options) {
      if (type === IPCP_ADDRESS) {
        this.#wantAddress = false;
        if (this.assignment === null) this.refused = true;
      } else {
        this.#ask?.delete(type);
        this.servers?.delete(type);
      }
    }
  }
  protected layerUp(now: number, out: PppAction[]): void {
    this.#owner.ipcpUp(now, out);
  }
  protected layerDown(now: number, out: PppAction[]): void {
    this.#owner.ipcpDown(now, out);
  }
  protected layerFinished(now: number, out: PppAction[]): void {
    this.#owner.ipcpFinished(now, out);
  }
  protected extra(_packet: PppPacket, _now: number, _out: PppAction[]): boolean {
    return false;
  }
  protected peerMru(): number {
    return this.#peerMru;
  }
}
