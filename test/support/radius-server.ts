// A RADIUS server in this process: accepts everybody after a delay, or nobody ever.
import dgram from 'node:dgram';
import { once } from 'node:events';
import { type Attribute, buildReply, Code, numberOf, type Packet, parsePacket } from '../../src/radius/packet.ts';

export class SlowRadius {
  readonly #socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 8 << 20 });
  readonly secret = 'slow';
  requests = 0;
  answers = 0;
  /** Acct-Status-Type of the accounting requests, in their order. */
  readonly statuses: number[] = [];
  /** Milliseconds until an answer; Infinity: never. */
  delayMs: number;
  /** Attributes of an Access-Accept. */
  accept: Attribute[] = [];

  private constructor(delayMs: number) {
    this.delayMs = delayMs;
  }
  static async start(delayMs: number): Promise<SlowRadius> {
    const server = new SlowRadius(delayMs);
    server.#socket.on('message', (octets, from) => {
      server.requests++;
      const request = parsePacket(octets) as Packet;
      if (request.code === Code.AccountingRequest) server.statuses.push(numberOf(request, 'Acct-Status-Type')!);
      if (server.delayMs === Number.POSITIVE_INFINITY) return;
      const answer = (): void => {
        const access = request.code === Code.AccessRequest;
        const reply = buildReply(
          access ? Code.AccessAccept : Code.AccountingResponse,
          request.identifier,
          request.authenticator,
          access ? server.accept : [],
          Buffer.from(server.secret),
          access,
        )!;
        server.answers++;
        server.#socket.send(reply, from.port, from.address);
      };
      if (server.delayMs === 0) answer();
      else setTimeout(answer, server.delayMs);
    });
    server.#socket.bind(0, '127.0.0.1');
    await once(server.#socket, 'listening');
    return server;
  }
  get port(): number {
    return this.#socket.address().port;
  }
  /** The statement that names it. */
  get statement(): string {
    return `radius-server 127.0.0.1 { port ${this.port}; accounting-port ${this.port}; secret ${this.secret}; retry 2; timeout 1; }`;
  }
  close(): void {
    this.#socket.close();
  }
}
