import dgram from 'node:dgram';
import type { PeerAddress } from '../../src/wire/address.ts';

/** Stands between LACs and the server and notes each PPP packet of the data messages: direction, protocol, code. */
export class Relay {
  readonly seen: string[] = [];
  readonly #front: dgram.Socket;
  readonly #back = new Map<number, dgram.Socket>();

  private constructor(server: PeerAddress) {
    this.#front = dgram.createSocket('udp4');
    this.#front.on('message', (octets, from) => {
      let back = this.#back.get(from.port);
      if (back === undefined) {
        back = dgram.createSocket('udp4');
        back.on('message', (answer) => {
          this.#note('down', answer);
          this.#front.send(answer, from.port, from.address);
        });
        this.#back.set(from.port, back);
      }
      this.#note('up', octets);
      back.send(octets, server.port, server.address);
    });
  }
  static async open(server: PeerAddress): Promise<Relay> {
    const relay = new Relay(server);
    await new Promise<void>((resolve) => relay.#front.bind(0, '127.0.0.1', resolve));
    return relay;
  }
  get address(): PeerAddress {
    return { address: '127.0.0.1', port: this.#front.address().port };
  }
  #note(direction: 'up' | 'down', octets: Uint8Array): void {
    const flags = (octets[0]! << 8) | octets[1]!;
    if ((flags & 0x8000) !== 0) return;
    // RFC 2661 section 3.1: Length and Ns, Nr where their bits are set.
    let at = 6 + ((flags & 0x4000) !== 0 ? 2 : 0) + ((flags & 0x0800) !== 0 ? 4 : 0);
    if (octets[at] === 0xff && octets[at + 1] === 0x03) at += 2;
    const odd = (octets[at]! & 1) === 1;
    const protocol = odd ? octets[at]! : (octets[at]! << 8) | octets[at + 1]!;
    const code = octets[at + (odd ? 1 : 2)];
    this.seen.push(`${direction} ${protocol.toString(16).padStart(4, '0')} ${protocol >= 0x8000 ? code : ''}`.trim());
  }
  close(): void {
    this.#front.close();
    for (const back of this.#back.values()) back.close();
  }
}
