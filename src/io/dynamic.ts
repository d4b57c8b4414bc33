import dgram from 'node:dgram';
import { once } from 'node:events';
import type { DynamicResult, DynamicServer } from '../radius/dynamic.ts';

/** Runs a DynamicServer on a UDP port, on all addresses of the families its clients have. */
export class DynamicListener {
  readonly #sockets: dgram.Socket[];
  readonly port: number;

  private constructor(sockets: dgram.Socket[]) {
    this.#sockets = sockets;
    this.port = sockets[0]!.address().port;
  }
  /**
   * @param families 4, 6 or both
   * @param told each datagram and what became of it
   * @throws Error where the port cannot be bound
   */
  static async open(
    server: DynamicServer,
    port: number,
    families: Iterable<4 | 6>,
    told: (result: DynamicResult, address: string) => void,
  ): Promise<DynamicListener> {
    const sockets: dgram.Socket[] = [];
    try {
      for (const family of families) {
        const socket = dgram.createSocket({ type: `udp${family}`, ...(family === 6 ? { ipv6Only: true } : {}) });
        sockets.push(socket);
        socket.on('message', (octets, from) => {
          const address = from.address.replace(/%.*$/, '');
          const result = server.receive(octets, address, Date.now());
          if ('reply' in result) socket.send(result.reply, from.port, from.address);
          told(result, address);
        });
        socket.bind(sockets.length > 1 ? sockets[0]!.address().port : port);
        await once(socket, 'listening');
        // A reply that cannot be sent is asked for again.
        socket.on('error', () => undefined);
      }
      return new DynamicListener(sockets);
    } catch (error) {
      for (const socket of sockets) socket.close();
      throw error;
    }
  }
  close(): void {
    for (const socket of this.#sockets.splice(0)) socket.close();
  }
}
