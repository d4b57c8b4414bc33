import { buildFrame, PPP_CHAP, PPP_PAP, type PppPacket, sameOctets } from '../wire/ppp.ts';
import {
  AUTH_WAIT_MS,
  type AuthState,
  type AuthVerdict,
  CHAP_CHALLENGE,
  CHAP_FAILURE,
  CHAP_RESPONSE,
  CHAP_SUCCESS,
  chapPacket,
  MD5_OCTETS,
  PAP_ACK,
  PAP_NAK,
  PAP_REQUEST,
  parseChap,
  parsePap,
} from './chap.ts';
import * as mschap from './mschap/mschapv2.ts';
import {
  type AuthAnswer,
  type AuthMethod,
  MAX_CONFIGURE,
  type PppAction,
  type PppOptions,
  RESTART_MS,
} from './types.ts';

const CHALLENGE_OCTETS = 16;
/** How long a judge may take. RADIUS with all its servers and tries has bounds of its own; this one is behind them. */
const DECISION_WAIT_MS = 120_000;
/** A person types a password again (RFC 2759 section 6: R=1 "disables short timeouts"). */
const RETRY_WAIT_MS = 60_000;
/** Answers that one exchange may take (RFC 2759 section 9.1.5). */
const ATTEMPTS_MAX = 3;
const WELCOME = 'Welcome';
const REFUSED = 'Login incorrect';
/** What a message may be long: PAP counts it in one octet. */
const MESSAGE_MAX = 255;

const utf8 = new TextDecoder('utf-8');
const NOTHING = new Uint8Array(0);

/** What is left of an authentication that has passed: our answer, for a peer that has not heard it (`Authenticator.passed`). */
export class Answered {
  readonly method: AuthMethod;
  readonly name: string;
  readonly #identifier: number;
  readonly #answer: Answer | null;

  constructor(method: AuthMethod, name: string, identifier: number, answer: Answer | null) {
    this.method = method;
    this.name = name;
    this.#identifier = identifier;
    this.#answer = answer;
  }
  get reason(): string {
    return '';
  }
  deadline(): number {
    return Number.POSITIVE_INFINITY;
  }
  handleTimeout(): AuthVerdict {
    return 'none';
  }
  receive(packet: PppPacket, _now: number, out: PppAction[]): AuthVerdict {
    if (packet.code === requestCode(this.method)) again(this.method, this.#identifier, this.#answer, packet, out);
    return 'none';
  }
}

/** What a peer was told, less the identifier. The usual ones are shared. */
interface Answer {
  readonly code: number;
  readonly message: Uint8Array;
}
const USUAL: Readonly<Record<'pap' | 'chap-md5', Readonly<Record<'passed' | 'failed', Answer>>>> = {
  pap: {
    passed: { code: PAP_ACK, message: NOTHING },
    failed: { code: PAP_NAK, message: messageOctets(REFUSED) },
  },
  'chap-md5': {
    passed: { code: CHAP_SUCCESS, message: messageOctets(WELCOME) },
    failed: { code: CHAP_FAILURE, message: messageOctets(REFUSED) },
  },
};
const requestCode = (method: AuthMethod): number => (method === 'pap' ? PAP_REQUEST : CHAP_RESPONSE);
function say(method: AuthMethod, { code, message }: Answer, identifier: number, out: PppAction[]): void {
  let frame: Uint8Array;
  if (method === 'pap') {
    const data = new Uint8Array(1 + message.length);
    data[0] = message.length;
    data.set(message, 1);
    frame = buildFrame(PPP_PAP, code, identifier, data);
  } else frame = buildFrame(PPP_CHAP, code, identifier, message);
  out.push({ do: 'send', frame, priority: false });
}
/** Our answer was lost: the same one again, whatever is in this (RFC 1994 section 4.1, RFC 1334 section 2.2.1). */
function again(method: AuthMethod, judged: number, answer: Answer | null, packet: PppPacket, out: PppAction[]): void {
  if (answer === null || (method !== 'pap' && packet.identifier !== judged)) return;
  say(method, answer, packet.identifier, out);
}

/** What a peer answered to somebody else's question: a LAC's (RFC 2661 section 4.4.5). */
export interface ProxiedResponse {
  readonly method: AuthMethod;
  readonly name: Uint8Array;
  readonly identifier: number;
  /** Empty for PAP. */
  readonly challenge: Uint8Array;
  readonly response: Uint8Array;
}

/** Who demands: PAP (RFC 1334), CHAP with MD5 (RFC 1994), MS-CHAP version 2 (RFC 2759). */
export class Authenticator {
  readonly #options: PppOptions;
  readonly method: AuthMethod;
  state: AuthState = 'idle';
  /** The name that the peer gave. */
  name = '';
  /** Why it failed, where we know more than the judge. */
  reason = '';
  #identifier: number;
  #challenge: Uint8Array = NOTHING;
  /** The answer that is, or was, judged: its identifier and data. */
  #judgedId = -1;
  #judged: Uint8Array = NOTHING;
  /** Our answer to it. */
  #answer: Answer | null = null;
  /** MS-CHAP: what Success has to prove, from the user's secret. */
  #proof: string | null = null;
  /** MS-CHAP: the peer may answer once more, to the challenge in Failure. */
  #retrying = false;
  #silent = false;
  #attempts = 0;
  #tries = 0;
  /** Null: nothing is waited for. */
  #deadline: number | null = null;

  constructor(method: AuthMethod, options: PppOptions) {
    this.method = method;
    this.#options = options;
    this.#identifier = options.random.u32() & 0xff;
  }

  start(now: number, out: PppAction[]): void {
    this.state = 'waiting';
    if (this.method === 'pap') {
      this.#deadline = now + AUTH_WAIT_MS;
      return;
    }
    this.#challenge = this.#options.random.octets(CHALLENGE_OCTETS);
    this.#sendChallenge(now, out);
  }
  /**
   * Somebody else has asked already: judges the answer, and tells the peer what came of it.
   * @param silent the peer was not asked by PPP, and is told nothing
   */
  startProxied(proxied: ProxiedResponse, silent: boolean, now: number, out: PppAction[]): AuthVerdict {
    this.state = 'waiting';
    this.#silent = silent;
    this.#identifier = proxied.identifier;
    this.#challenge = proxied.challenge;
    return this.#ask(proxied.identifier, proxied.name, proxied.response, NOTHING, now, out);
  }
  #sendChallenge(now: number, out: PppAction[]): void {
    this.#tries++;
    this.#deadline = now + RESTART_MS;
    const name = Buffer.from(this.#options.name, 'utf8');
    out.push({
      do: 'send',
      frame: chapPacket(CHAP_CHALLENGE, this.#identifier, this.#challenge, name),
      priority: false,
    });
  }

  deadline(): number {
    return this.#deadline ?? Number.POSITIVE_INFINITY;
  }
  handleTimeout(now: number, out: PppAction[]): AuthVerdict {
    if (now < this.deadline()) return 'none';
    if (this.state !== 'waiting' || this.method === 'pap' || this.#retrying || this.#tries >= MAX_CONFIGURE) {
      this.#deadline = null;
      if (this.state === 'passed' || this.state === 'failed') return 'none';
      if (this.state === 'checking') this.reason = 'no decision';
      this.state = 'failed';
      return 'timeout';
    }
    this.#sendChallenge(now, out);
    return 'none';
  }

  /** Takes a packet of the method's protocol. */
  receive(packet: PppPacket, now: number, out: PppAction[]): AuthVerdict {
    if (this.state === 'idle') return 'none';
    if (packet.code !== requestCode(this.method)) return 'none';
    if (this.state === 'checking') {
      // A decision is under way. PAP: the answer goes to the last request (RFC 1334 section 2.2.2).
      if (this.method === 'pap' && (this.#judged.length === 0 || sameOctets(packet.data, this.#judged)))
        this.#judgedId = packet.identifier;
      return 'none';
    }
    if (this.state !== 'waiting' || (this.#retrying && packet.identifier === this.#judgedId)) {
      again(this.method, this.#judgedId, this.#answer, packet, out);
      return 'none';
    }
    if (this.method === 'pap') {
      const request = parsePap(packet.data);
      if (request === null) return 'none';
      return this.#ask(packet.identifier, request.name, request.password, packet.data, now, out);
    }
    const response = packet.identifier === this.#identifier ? parseChap(packet.data) : null;
    if (response === null) return 'none';
    return this.#ask(packet.identifier, response.name, response.value, packet.data, now, out);
  }
  /** Once it has passed: what may still be asked of it. */
  get passed(): Answered {
    return new Answered(this.method, this.name, this.#judgedId, this.#answer);
  }

  #ask(
    identifier: number,
    nameOctets: Uint8Array,
    response: Uint8Array,
    data: Uint8Array,
    now: number,
    out: PppAction[],
  ): AuthVerdict {
    this.name = utf8.decode(nameOctets);
    this.#judgedId = identifier;
    this.#judged = data.slice();
    this.#retrying = false;
    this.#attempts++;
    this.#proof = null;
    this.state = 'checking';
    this.#deadline = now + DECISION_WAIT_MS;
    const { method } = this;
    const wanted =
      method === 'chap-md5' ? MD5_OCTETS : method === 'mschap-v2' ? mschap.RESPONSE_OCTETS : response.length;
    if (response.length !== wanted) {
      this.reason = `a response of ${response.length} octets`;
      return this.decide({ passed: false }, now, out);
    }
    const challenge = this.#challenge;
    const { md5 } = this.#options;
    const verify = (secret: Uint8Array): boolean => {
      if (method === 'pap') return sameOctets(secret, response);
      if (method === 'chap-md5') return sameOctets(md5(new Uint8Array([identifier]), secret, challenge), response);
      const right = mschap.respond(secret, nameOctets, challenge, response.subarray(0, mschap.CHALLENGE_OCTETS));
      // Flags and the reserved octets are not of the proof.
      if (!sameOctets(right.value.subarray(24, 48), response.subarray(24, 48))) return false;
      this.#proof = right.authenticatorResponse;
      return true;
    };
    out.push({ do: 'authenticate', method, name: this.name, nameOctets, identifier, challenge, response, verify });
    return 'none';
  }

  /** The answer to 'authenticate'. */
  decide(answer: AuthAnswer, now: number, out: PppAction[]): AuthVerdict {
    if (this.state !== 'checking') return 'none';
    this.#deadline = null;
    this.#judged = NOTHING; // a password, with PAP
    if (this.method === 'mschap-v2') return this.#decideMsChap(answer, now, out);
    const { passed, message } = answer;
    const usual = USUAL[this.method][passed ? 'passed' : 'failed'];
    return this.#send(
      passed,
      message === undefined ? usual : { code: usual.code, message: messageOctets(message) },
      out,
    );
  }
  #send(passed: boolean, answer: Answer, out: PppAction[]): AuthVerdict {
    this.state = passed ? 'passed' : 'failed';
    this.#challenge = NOTHING;
    this.#proof = null;
    if (!this.#silent) {
      this.#answer = answer;
      say(this.method, answer, this.#judgedId, out);
    }
    return this.state === 'passed' ? 'passed' : 'failed';
  }

  #decideMsChap(answer: AuthAnswer, now: number, out: PppAction[]): AuthVerdict {
    if (answer.passed) {
      const proof = this.#proofOf(answer.msChap2Success);
      if (proof !== null) {
        const welcome = messageOctets(`${proof} M=${answer.message ?? WELCOME}`);
        return this.#send(true, { code: CHAP_SUCCESS, message: welcome }, out);
      }
      // The peer would have to end the session (section 5): better it hears why.
      this.reason = 'passed, but without the secret or its proof';
    }
    const told =
      answer.passed || answer.msChapError === undefined ? null : mschap.parseError(latin1(answer.msChapError));
    const code = told?.code ?? mschap.MSCHAP_FAILED;
    const retry = told?.retry === true && code === mschap.MSCHAP_FAILED && this.#attempts < ATTEMPTS_MAX;
    const challenge = told?.challenge ?? this.#options.random.octets(mschap.CHALLENGE_OCTETS);
    const message =
      answer.message ??
      (told !== null && told.message !== ''
        ? told.message
        : code === mschap.MSCHAP_EXPIRED
          ? 'The password has expired; it cannot be changed here'
          : REFUSED);
    const text = messageOctets(mschap.formatError({ code, retry, challenge: null, message }, challenge));
    const verdict = this.#send(false, { code: CHAP_FAILURE, message: text }, out);
    if (!retry) return verdict;
    // Section 9.1.4: the next Response has the next identifier, and answers the challenge in Failure.
    this.state = 'waiting';
    this.#retrying = true;
    this.#challenge = challenge;
    this.#identifier = (this.#judgedId + 1) & 0xff;
    this.#deadline = now + RETRY_WAIT_MS;
    return 'none';
  }
  #proofOf(success: Uint8Array | undefined): string | null {
    if (success === undefined) return this.#proof;
    return /S=[0-9A-F]{40}/.exec(latin1(success))?.[0] ?? null;
  }
}

const latin1 = (octets: Uint8Array): string => Buffer.from(octets).toString('latin1');
/** UTF-8, cut between two characters; octets of its own, since a session keeps them. */
function messageOctets(text: string): Uint8Array {
  const octets = Buffer.from(text, 'utf8');
  if (octets.length <= MESSAGE_MAX) return new Uint8Array(octets);
  let end = MESSAGE_MAX;
  while ((octets[end]! & 0xc0) === 0x80) end--;
  return new Uint8Array(octets.subarray(0, end));
}
