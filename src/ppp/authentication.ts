import { buildFrame, PPP_CHAP, PPP_PAP, type PppPacket, sameOctets } from '../wire/ppp.ts';
import { type AuthMethod, MAX_CONFIGURE, type PppAction, type PppOptions, RESTART_MS } from './types.ts';

const CHAP_CHALLENGE = 1;
const CHAP_RESPONSE = 2;
const CHAP_SUCCESS = 3;
const CHAP_FAILURE = 4;
const PAP_REQUEST = 1;
const PAP_ACK = 2;
const PAP_NAK = 3;
const CHALLENGE_OCTETS = 16;
const RESPONSE_OCTETS = 16;
/** How long a server waits for a PAP request before it gives up: as long as a CHAP challenge is repeated. */
const PAP_WAIT_MS = RESTART_MS * MAX_CONFIGURE;

const utf8 = new TextDecoder('utf-8');

/** How an exchange stands. */
export type AuthState = 'idle' | 'waiting' | 'checking' | 'passed' | 'failed';
/** What came of a packet or a time-out. */
export type AuthVerdict = 'none' | 'passed' | 'failed' | 'timeout';

function chapPacket(code: number, identifier: number, value: Uint8Array, name: Uint8Array): Uint8Array {
  const data = new Uint8Array(1 + value.length + name.length);
  data[0] = value.length;
  data.set(value, 1);
  data.set(name, 1 + value.length);
  return buildFrame(PPP_CHAP, code, identifier, data);
}

/** Who demands: PAP (RFC 1334) or CHAP with MD5 (RFC 1994). */
export class Authenticator {
  readonly #options: PppOptions;
  readonly #method: AuthMethod;
  state: AuthState = 'idle';
  /** The name that the peer gave. */
  name = '';
  #identifier: number;
  #challenge: Uint8Array | null = null;
  /** Identifier of the request that is, or was, judged, and the answer given to it. */
  #judgedId = -1;
  #answer: Uint8Array | null = null;
  #tries = 0;
  #deadline = Number.POSITIVE_INFINITY;

  constructor(method: AuthMethod, options: PppOptions) {
    this.#method = method;
    this.#options = options;
    this.#identifier = options.random.u32() & 0xff;
  }

  start(now: number, out: PppAction[]): void {
    this.state = 'waiting';
    if (this.#method === 'pap') {
      this.#deadline = now + PAP_WAIT_MS;
      return;
    }
    this.#challenge = this.#options.random.octets(CHALLENGE_OCTETS);
    this.#sendChallenge(now, out);
  }
  #sendChallenge(now: number, out: PppAction[]): void {
    this.#tries++;
    this.#deadline = now + RESTART_MS;
    const name = Buffer.from(this.#options.name, 'utf8');
    out.push({
      do: 'send',
      frame: chapPacket(CHAP_CHALLENGE, this.#identifier, this.#challenge!, name),
      priority: false,
    });
  }

  deadline(): number {
    return this.#deadline;
  }
  handleTimeout(now: number, out: PppAction[]): AuthVerdict {
    if (now < this.#deadline) return 'none';
    if (this.state !== 'waiting' || this.#method === 'pap' || this.#tries >= MAX_CONFIGURE) {
      this.#deadline = Number.POSITIVE_INFINITY;
      if (this.state === 'passed' || this.state === 'failed') return 'none';
      this.state = 'failed';
      return 'timeout';
    }
    this.#sendChallenge(now, out);
    return 'none';
  }

  /** Takes a packet of the method's protocol. */
  receive(packet: PppPacket, now: number, out: PppAction[]): AuthVerdict {
    if (this.state === 'idle') return 'none';
    const wanted = this.#method === 'pap' ? PAP_REQUEST : CHAP_RESPONSE;
    if (packet.code !== wanted) return 'none';
    if (this.state === 'checking') return 'none';
    if (this.state === 'passed' || this.state === 'failed') {
      // The answer was lost: the same one again (RFC 1994 section 4.1, RFC 1334 section 2.2.1).
      if (this.#answer === null) return 'none';
      if (this.#method === 'chap-md5' && packet.identifier !== this.#judgedId) return 'none';
      const again = this.#answer.slice();
      again[5] = packet.identifier;
      out.push({ do: 'send', frame: again, priority: false });
      return 'none';
    }
    return this.#method === 'pap' ? this.#papRequest(packet, now, out) : this.#chapResponse(packet, now, out);
  }

  #papRequest(packet: PppPacket, now: number, out: PppAction[]): AuthVerdict {
    const { data } = packet;
    const peerLength = data[0];
    if (peerLength === undefined || data.length < 2 + peerLength) return 'none';
    const passwordLength = data[1 + peerLength]!;
    if (data.length < 2 + peerLength + passwordLength) return 'none';
    const password = data.slice(2 + peerLength, 2 + peerLength + passwordLength);
    this.name = utf8.decode(data.subarray(1, 1 + peerLength));
    this.#judgedId = packet.identifier;
    this.state = 'checking';
    this.#deadline = now + PAP_WAIT_MS;
    out.push({
      do: 'authenticate',
      method: 'pap',
      name: this.name,
      verify: (secret) => sameOctets(secret, password),
    });
    return 'none';
  }

  #chapResponse(packet: PppPacket, now: number, out: PppAction[]): AuthVerdict {
    const { data, identifier } = packet;
    if (identifier !== this.#identifier) return 'none';
    const size = data[0];
    if (size === undefined || data.length < 1 + size) return 'none';
    const response = data.slice(1, 1 + size);
    this.name = utf8.decode(data.subarray(1 + size));
    this.#judgedId = identifier;
    this.state = 'checking';
    this.#deadline = now + PAP_WAIT_MS;
    const { md5 } = this.#options;
    const challenge = this.#challenge!;
    out.push({
      do: 'authenticate',
      method: 'chap-md5',
      name: this.name,
      verify: (secret) =>
        size === RESPONSE_OCTETS && sameOctets(md5(new Uint8Array([identifier]), secret, challenge), response),
    });
    return 'none';
  }

  /** The answer to 'authenticate'. */
  decide(passed: boolean, out: PppAction[]): AuthVerdict {
    if (this.state !== 'checking') return 'none';
    this.state = passed ? 'passed' : 'failed';
    this.#deadline = Number.POSITIVE_INFINITY;
    if (this.#method === 'pap') {
      const text = Buffer.from(passed ? '' : 'Login incorrect', 'utf8');
      const data = new Uint8Array(1 + text.length);
      data[0] = text.length;
      data.set(text, 1);
      this.#answer = buildFrame(PPP_PAP, passed ? PAP_ACK : PAP_NAK, this.#judgedId, data);
    } else {
      const text = Buffer.from(passed ? 'Welcome' : 'Login incorrect', 'utf8');
      this.#answer = buildFrame(PPP_CHAP, passed ? CHAP_SUCCESS : CHAP_FAILURE, this.#judgedId, text);
    }
    out.push({ do: 'send', frame: this.#answer, priority: false });
    return passed ? 'passed' : 'failed';
  }
}

/** Who is asked: the client's end of PAP and CHAP. */
export class Authenticatee {
  readonly #options: PppOptions;
  readonly #method: AuthMethod;
  state: AuthState = 'idle';
  #identifier: number;
  #response: Uint8Array | null = null;
  #tries = 0;
  #deadline = Number.POSITIVE_INFINITY;

  constructor(method: AuthMethod, options: PppOptions) {
    this.#method = method;
    this.#options = options;
    this.#identifier = options.random.u32() & 0xff;
  }
  get #secret(): Uint8Array {
    return this.#options.secret ?? new Uint8Array(0);
  }

  start(now: number, out: PppAction[]): void {
    this.state = 'waiting';
    if (this.#method === 'pap') this.#sendPap(now, out);
    else this.#deadline = now + PAP_WAIT_MS;
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
      if (this.#method === 'pap') {
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
    if (this.#method === 'chap-md5' && packet.code === CHAP_CHALLENGE) {
      const size = packet.data[0];
      if (size === undefined || size === 0 || packet.data.length < 1 + size) return 'none';
      const challenge = packet.data.slice(1, 1 + size);
      const value = this.#options.md5(new Uint8Array([packet.identifier]), this.#secret, challenge);
      this.#identifier = packet.identifier;
      if (this.state === 'waiting') {
        this.#tries = 0;
        this.#deadline = now + RESTART_MS;
      }
      const name = Buffer.from(this.#options.name, 'utf8');
      this.#response = chapPacket(CHAP_RESPONSE, packet.identifier, value, name);
      out.push({ do: 'send', frame: this.#response.slice(), priority: false });
      return 'none';
    }
    if (this.state !== 'waiting' || packet.identifier !== this.#identifier) return 'none';
    const [good, bad] = this.#method === 'pap' ? [PAP_ACK, PAP_NAK] : [CHAP_SUCCESS, CHAP_FAILURE];
    if (packet.code !== good && packet.code !== bad) return 'none';
    this.#deadline = Number.POSITIVE_INFINITY;
    this.state = packet.code === good ? 'passed' : 'failed';
    return this.state;
  }
}
