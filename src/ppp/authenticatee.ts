import { buildFrame, PPP_PAP, type PppPacket } from '../wire/ppp.ts';
import {
  AUTH_WAIT_MS,
  type AuthState,
  type AuthVerdict,
  CHAP_CHALLENGE,
  CHAP_FAILURE,
  CHAP_RESPONSE,
  CHAP_SUCCESS,
  chapPacket,
  PAP_ACK,
  PAP_NAK,
  PAP_REQUEST,
  parseChap,
} from './chap.ts';
import * as mschap from './mschap/mschapv2.ts';
import { type AuthMethod, MAX_CONFIGURE, type PppAction, type PppOptions, RESTART_MS } from './types.ts';

/** Who is asked: the client's end of PAP, CHAP and MS-CHAP version 2. */
export class Authenticatee {
  readonly #options: PppOptions;
  readonly method: AuthMethod;
  state: AuthState = 'idle';
  /** The name in the Challenge; nobody has proved it. */
  peerName = '';
  /** Why it failed, where it was not the authenticator's word. */
  reason = '';
  #identifier: number;
  #response: Uint8Array | null = null;
  /** MS-CHAP: what Success must prove. */
  #proof = '';
  #tries = 0;
  #deadline = Number.POSITIVE_INFINITY;

  constructor(method: AuthMethod, options: PppOptions) {
    this.method = method;
    this.#options = options;
    this.#identifier = options.random.u32() & 0xff;
  }
  get #secret(): Uint8Array {
    return this.#options.secret ?? new Uint8Array(0);
  }

  start(now: number, out: PppAction[]): void {
    this.state = 'waiting';
    if (this.method === 'pap') this.#sendPap(now, out);
    else this.#deadline = now + AUTH_WAIT_MS;
  }
  #sendPap(now: number, out: PppAction[]): void {
    const name = Buffer.from(this.#options.name, 'utf8');
    const data = new Uint8Array(2 + name.length + this.#secret.length);
    data[0] = name.length;
    data.set(name, 1);
    data[1 + name.length] = this.#secret.length;
    data.set(this.#secret, 2 + name.length);
    this.#tries++;
    this.#identifier = (this.#identifier + 1) & 0xff;
    this.#deadline = now + RESTART_MS;
    out.push({ do: 'send', frame: buildFrame(PPP_PAP, PAP_REQUEST, this.#identifier, data), priority: false });
  }

  deadline(): number {
    return this.#deadline;
  }
  handleTimeout(now: number, out: PppAction[]): AuthVerdict {
    if (now < this.#deadline) return 'none';
    if (this.state === 'waiting' && this.#tries < MAX_CONFIGURE) {
      if (this.method === 'pap') {
        this.#sendPap(now, out);
        return 'none';
      }
      if (this.#response !== null) {
        // Success may have been lost: the authenticator answers the same Response again (RFC 1994 section 4.1).
        this.#tries++;
        this.#deadline = now + RESTART_MS;
        out.push({ do: 'send', frame: this.#response.slice(), priority: false });
        return 'none';
      }
    }
    this.#deadline = Number.POSITIVE_INFINITY;
    if (this.state !== 'waiting') return 'none';
    this.state = 'failed';
    return 'timeout';
  }

  receive(packet: PppPacket, now: number, out: PppAction[]): AuthVerdict {
    if (this.state === 'idle') return 'none';
    if (this.method !== 'pap' && packet.code === CHAP_CHALLENGE) {
      this.#challenged(packet, now, out);
      return 'none';
    }
    if (this.state !== 'waiting' || packet.identifier !== this.#identifier) return 'none';
    if (this.method !== 'pap' && this.#response === null) return 'none';
    const [good, bad] = this.method === 'pap' ? [PAP_ACK, PAP_NAK] : [CHAP_SUCCESS, CHAP_FAILURE];
    if (packet.code !== good && packet.code !== bad) return 'none';
    this.#deadline = Number.POSITIVE_INFINITY;
    this.state = packet.code === good ? 'passed' : 'failed';
    if (this.method === 'mschap-v2') {
      const text = Buffer.from(packet.data).toString('latin1');
      // RFC 2759 section 5: a proof that is missing or wrong MUST end the session.
      if (packet.code === good && text.slice(0, this.#proof.length) !== this.#proof) {
        this.state = 'failed';
        this.reason = 'the authenticator did not prove that it knows the password';
      } else if (packet.code === bad) this.reason = `refused with ${text.slice(0, 200)}`;
    }
    return this.state;
  }
  #challenged(packet: PppPacket, now: number, out: PppAction[]): void {
    const challenge = parseChap(packet.data);
    if (challenge === null || challenge.value.length === 0) return;
    const name = Buffer.from(this.#options.name, 'utf8');
    let value: Uint8Array;
    if (this.method === 'chap-md5')
      value = this.#options.md5(new Uint8Array([packet.identifier]), this.#secret, challenge.value);
    else {
      if (challenge.value.length !== mschap.CHALLENGE_OCTETS) return;
      const peerChallenge = this.#options.random.octets(mschap.CHALLENGE_OCTETS);
      const response = mschap.respond(this.#secret, name, challenge.value, peerChallenge);
      value = response.value;
      this.#proof = response.authenticatorResponse;
    }
    this.peerName = Buffer.from(challenge.name).toString('utf8');
    this.#identifier = packet.identifier;
    if (this.state === 'waiting') {
      this.#tries = 0;
      this.#deadline = now + RESTART_MS;
    }
    this.#response = chapPacket(CHAP_RESPONSE, packet.identifier, value, name);
    out.push({ do: 'send', frame: this.#response.slice(), priority: false });
  }
}
