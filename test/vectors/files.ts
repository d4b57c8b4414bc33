// Runs the cases of a vector file of any of the formats in README.md against the product.
import { readFileSync } from 'node:fs';
import { decodeSecret9, encodeSecret9 } from '../../src/config/secret9.ts';
import { judgeNr, judgeNs, Transport } from '../../src/control/transport.ts';
import { WasmCrypto } from '../../src/dataplane/crypto.ts';
import { Authenticatee } from '../../src/ppp/authenticatee.ts';
import { Authenticator } from '../../src/ppp/authenticator.ts';
import * as mschap from '../../src/ppp/mschap/mschapv2.ts';
import type { PppAction, PppOptions } from '../../src/ppp/types.ts';
import * as radiusHide from '../../src/radius/hide.ts';
import * as radiusPacket from '../../src/radius/packet.ts';
import { AVP_DEFINITIONS } from '../../src/wire/avp.ts';
import { parseControlMessage } from '../../src/wire/message.ts';
import { parsePacket } from '../../src/wire/ppp.ts';
import type { RandomSource } from '../../src/wire/random.ts';
import { type MalformedCase, MalformedRunner } from './malformed.ts';
import { runMultilink } from './multilink.ts';

// biome-ignore lint/suspicious/noExplicitAny: a case has the fields of its format
type Case = any;
export interface Outcome {
  passed: number;
  failures: string[];
  notSupported: number;
}

const crypto = new WasmCrypto();
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const toHex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');
const check = (what: string, ours: unknown, wanted: unknown): string | null =>
  JSON.stringify(ours) === JSON.stringify(wanted)
    ? null
    : `${what}: ${JSON.stringify(ours)}, not ${JSON.stringify(wanted)}`;

function hiding(one: Case): string | null {
  if (one.avps !== undefined) {
    // AVPs of an ICCN: the Message Type is among them.
    const body = hex(one.avps);
    const message = parseControlMessage(body, 0, body.length, hex(one.secret), crypto);
    for (const { attr, value } of one.clear) {
      const found = message.values.get(attr);
      const definition = AVP_DEFINITIONS[attr];
      // A value of a size that the attribute cannot have is refused, as section 4.4 says.
      const fits = definition !== undefined && value.length / 2 >= definition.min && value.length / 2 <= definition.max;
      if (fits && (found === undefined || toHex(found) !== value)) return `attribute ${attr} is not ${value}`;
    }
    return null;
  }
  const [secret, vector] = [hex(one.secret), hex(one.random_vector)];
  const hidden = toHex(crypto.hide(one.attr, secret, vector, hex(one.value), hex(one.padding)));
  if (hidden !== one.hidden) return `hidden: ${hidden}`;
  const clear = crypto.unhide(one.attr, secret, vector, hex(one.hidden));
  return clear !== null && toHex(clear) === one.value ? null : 'does not come out in clear';
}

function chap(one: Case): string | null {
  const digest = toHex(crypto.md5(new Uint8Array([one.identifier]), hex(one.secret), hex(one.challenge)));
  if (digest !== one.response) return `response ${digest}`;
  const md5 = (...parts: Uint8Array[]): Uint8Array => crypto.md5(...parts);
  const name = Buffer.from(hex(one.response_name)).toString('utf8');
  const random: RandomSource = { octets: (count) => hex(one.challenge).slice(0, count), u32: () => one.identifier };
  const options: PppOptions = {
    role: 'client',
    random,
    md5,
    mru: 1500,
    authentication: ['chap-md5'],
    name,
    secret: hex(one.secret),
    compression: false,
  };
  const client = new Authenticatee('chap-md5', options);
  const out: PppAction[] = [];
  client.start(0, out);
  client.receive(parsePacket(hex(one.challenge_packet), 0)!, 0, out);
  const sent = out.at(-1)!;
  const packet = sent.do === 'send' ? toHex(sent.frame.subarray(4)) : '';
  // A name that is no UTF-8 text cannot be ours.
  if (toHex(Buffer.from(name, 'utf8')) === one.response_name && packet !== one.response_packet)
    return `answer ${packet}`;
  if (one.challenge.length !== 32) return null; // our own challenges have 16 octets
  const server = new Authenticator('chap-md5', { ...options, role: 'server' });
  const asked: PppAction[] = [];
  server.start(0, asked);
  server.receive(parsePacket(hex(one.response_packet), 0)!, 0, asked);
  const question = asked.at(-1)!;
  if (question.do !== 'authenticate') return 'the response was not taken';
  if (!question.verify(hex(one.secret))) return 'the response was found wrong';
  return question.verify(Buffer.concat([hex(one.secret), Buffer.from('x')])) ? 'a wrong secret was found right' : null;
}

function msChap(one: Case): string | null {
  const [challenge, peerChallenge] = [hex(one.authenticator_challenge), hex(one.peer_challenge)];
  const name = Buffer.from(one.user, 'utf8');
  const secret = Buffer.from(one.password, 'utf8');
  const hash = mschap.ntPasswordHash(secret);
  const wrong =
    check('challenge', toHex(mschap.challengeHash(peerChallenge, challenge, name)), one.challenge) ??
    check('hash', toHex(hash), one.nt_hash) ??
    check('response', toHex(mschap.challengeResponse(hex(one.challenge), hash)), one.nt_response) ??
    check(
      'proof',
      mschap.authenticatorResponse(hash, hex(one.nt_response), hex(one.challenge)),
      one.authenticator_response,
    );
  if (wrong !== null) return wrong;
  // The client answers so, and believes the right proof alone.
  const answers = [peerChallenge];
  const random: RandomSource = { octets: () => answers[0]!, u32: () => one.identifier };
  const options: PppOptions = {
    role: 'client',
    random,
    md5: () => new Uint8Array(16),
    mru: 1500,
    authentication: ['mschap-v2'],
    name: one.user,
    secret,
    compression: false,
  };
  const id = one.identifier.toString(16).padStart(2, '0');
  const packet = (code: number, data: Uint8Array) => ({ code, identifier: one.identifier, data });
  for (const right of [true, false]) {
    const client = new Authenticatee('mschap-v2', options);
    const out: PppAction[] = [];
    client.start(0, out);
    client.receive(packet(1, Buffer.concat([Buffer.from([16]), challenge])), 0, out);
    const sent = out.at(-1)!;
    if (sent.do !== 'send' || toHex(sent.frame.subarray(4)) !== one.response_packet) return 'the answer differs';
    const proof = right ? one.authenticator_response : one.authenticator_response.replace(/.$/, 'x');
    const verdict = client.receive(packet(3, Buffer.from(`${proof} M=ok`)), 0, out);
    if (verdict !== (right ? 'passed' : 'failed')) return `the proof ${proof}: ${verdict}`;
  }
  // The server finds it right, proves itself, and finds another password wrong.
  answers[0] = challenge;
  for (const right of [true, false]) {
    const server = new Authenticator('mschap-v2', { ...options, role: 'server' });
    const out: PppAction[] = [];
    server.start(0, out);
    server.receive(parsePacket(hex(one.response_packet), 0)!, 0, out);
    const question = out.at(-1)!;
    if (question.do !== 'authenticate') return 'the response was not taken';
    const found = question.verify(right ? secret : Buffer.concat([secret, Buffer.from('x')]));
    if (found !== right) return `found ${found ? 'right' : 'wrong'}`;
    server.decide({ passed: found }, 0, out);
    const last = out.at(-1)!;
    const text = last.do === 'send' ? Buffer.from(last.frame.subarray(8)).toString('latin1') : '';
    if (right && !text.startsWith(`${one.authenticator_response} M=`)) return `Success says ${text}`;
    if (!right && !text.startsWith('E=691 R=0 C=')) return `Failure says ${text}`;
    if (last.do === 'send' && toHex(last.frame.subarray(4, 6)) !== `0${right ? 3 : 4}${id}`) return 'wrong packet';
  }
  return null;
}

function sequence(one: Case): string | null {
  if (one.kind === 'receive') return check('verdict', judgeNs((one.last + 1) & 0xffff, one.ns), one.verdict);
  if (one.kind === 'ack') {
    const acknowledged = judgeNr(one.oldest_unacked, one.next_ns, one.nr);
    return check('acknowledged', [Math.max(0, acknowledged), acknowledged >= 0], [one.acknowledged, one.valid]);
  }
  const transport = new Transport({
    receiveWindow: 32768,
    maximumSendWindow: 4,
    retransmitCapMs: 8000,
    giveUpMs: 60_000,
  });
  transport.nr = one.first_expected;
  for (const [at, step] of one.queue_policy.entries()) {
    const message = new Uint8Array([step.ns >>> 8, step.ns & 0xff]);
    transport.owesAck = false;
    const delivered: number[] = [];
    if (transport.receive(step.ns, message) === 'in-order') {
      delivered.push(step.ns);
      for (let next = transport.takeAhead(); next !== null; next = transport.takeAhead())
        delivered.push((next[0]! << 8) | next[1]!);
    }
    const wrong =
      check(`arrival ${at} delivers`, delivered, step.deliver) ??
      check(`Nr after arrival ${at}`, transport.nr, step.nr_after) ??
      (step.must_ack && !transport.owesAck ? `arrival ${at} is not acknowledged` : null);
    if (wrong !== null) return wrong;
  }
  return null;
}

function junos9(one: Case): string | null {
  if (one.kind === 'encode') return check('cipher', encodeSecret9(one.plain, one.salt, one.filler), one.cipher);
  if (one.kind === 'decode') return check('plain', decodeSecret9(one.cipher), one.plain);
  try {
    return `taken as ${decodeSecret9(one.cipher)}`;
  } catch {
    return null;
  }
}

function radius(one: Case): string | null {
  const secret = hex(one.secret ?? '');
  const request = hex(one.request_authenticator ?? '');
  switch (one.kind) {
    case 'user-password': {
      const clear = radiusHide.revealUserPassword(hex(one.hidden), secret, request);
      return (
        check('hidden', toHex(radiusHide.hideUserPassword(hex(one.password), secret, request)!), one.hidden) ??
        check('password', toHex(clear!), one.password)
      );
    }
    case 'tunnel-password': {
      const hidden = radiusHide.hideTunnelPassword(hex(one.password), secret, request, hex(one.salt))!;
      const list = new radiusPacket.AttributeList();
      list.add('Tunnel-Password', hidden, one.tag);
      const packet = radiusPacket.buildPacket(2, 0, new Uint8Array(16), list.attributes, false)!;
      const clear = radiusHide.revealTunnelPassword(hex(one.attribute).subarray(3), secret, request);
      return (
        check('attribute', toHex(packet.subarray(20)), one.attribute) ?? check('password', toHex(clear!), one.password)
      );
    }
    case 'chap-password': {
      const value = radiusHide.chapPassword(one.chap_identifier, hex(one.password), hex(one.challenge));
      return check('value', toHex(value), one.attribute.slice(4));
    }
  }
  const packet = radiusPacket.parsePacket(hex(one.packet));
  if (typeof packet === 'string') return packet;
  const damaged = radiusPacket.parsePacket(hex(one.packet).map((octet, i) => (i === 19 ? octet ^ 1 : octet)));
  if (typeof damaged === 'string') return damaged;
  const { code, identifier, authenticator } = packet;
  const first = packet.messageAuthenticatorAt === 22;
  const attributes = packet.attributes.filter((attribute) => attribute.type !== 80 || attribute.vendor !== 0);
  const same = (octets: Uint8Array | null): string | null => check('packet', toHex(octets!), one.packet);
  if (one.kind === 'response-authenticator') {
    if (!radiusPacket.replyIsAuthentic(packet, request, secret)) return 'a right reply is refused';
    if (radiusPacket.replyIsAuthentic(damaged, request, secret)) return 'a forged reply is taken';
    if (packet.messageAuthenticatorAt !== -1 && !first) return null;
    return same(radiusPacket.buildReply(code, identifier, request, attributes, secret, first));
  }
  if (one.kind === 'request-authenticator') {
    if (!radiusPacket.requestIsAuthentic(packet, secret)) return 'a right request is refused';
    if (radiusPacket.requestIsAuthentic(damaged, secret)) return 'a forged request is taken';
    if (packet.messageAuthenticatorAt !== -1 && !first) return null;
    return same(radiusPacket.buildSignedRequest(code, identifier, attributes, secret, first));
  }
  if (!radiusPacket.messageAuthenticatorIsRight(packet, authenticator, secret)) return 'a right request is refused';
  if (radiusPacket.messageAuthenticatorIsRight(damaged, damaged.authenticator, secret))
    return 'a forged request is taken';
  return first ? same(radiusPacket.buildAccessRequest(identifier, authenticator, attributes, secret)) : null;
}

const FORMATS: readonly (readonly [is: (what: string, first: Case) => boolean, run: (one: Case) => string | null])[] = [
  [(what) => what.includes('hidden AVPs'), hiding],
  [
    (what) => what.includes('Challenge Response'),
    (one) =>
      check(
        'response',
        toHex(crypto.challengeResponse(one.message_type, hex(one.secret), hex(one.challenge))),
        one.response,
      ),
  ],
  [(what) => what.includes('CHAP-MD5'), chap],
  [(what) => what.includes('MS-CHAP-V2'), msChap],
  [(what) => what.includes('sequence numbers'), sequence],
  [(what) => what.includes('$9$'), junos9],
  [(what) => what.includes('RADIUS'), radius],
  [(what) => what.includes('Multilink PPP reassembly'), runMultilink],
];

/** @throws where the file cannot be read, or is of no format known */
export async function runFile(path: string): Promise<Outcome> {
  const { what, cases } = JSON.parse(readFileSync(path, 'utf8')) as { what: string; cases: Case[] };
  const outcome: Outcome = { passed: 0, failures: [], notSupported: 0 };
  const note = (one: Case, wrong: string | null): void => {
    if (wrong === null) outcome.passed++;
    else if (wrong === 'not supported') outcome.notSupported++;
    else outcome.failures.push(`${one.id ?? JSON.stringify(one).slice(0, 120)}: ${wrong}`);
  };
  if (/malformed/i.test(what)) {
    const runner = new MalformedRunner();
    try {
      for (const one of cases as MalformedCase[]) {
        try {
          note(one, await runner.run(one));
        } catch (error) {
          note(one, `threw ${(error as Error).message}`);
        }
      }
    } finally {
      await runner.close();
    }
    return outcome;
  }
  const format = FORMATS.find(([is]) => is(what, cases[0]));
  if (format === undefined) throw new Error(`${path}: no known format ('${what}')`);
  for (const one of cases) {
    try {
      note(one, format[1](one));
    } catch (error) {
      note(one, `threw ${(error as Error).message}`);
    }
  }
  return outcome;
}
