import dgram from 'node:dgram';
import type { RadiusClient } from '../radius/client.ts';
import type { Lane, RadiusAction, RadiusRequest, RadiusServerOptions } from '../radius/types.ts';
import { Ticker } from './ticker.ts';

/** Packets that wait for their lane's socket to be bound. */
const OPENING_MAX = 256;
const BUFFER_OCTETS = 4 << 20;

interface LaneSocket {
  readonly socket: dgram.Socket;
  ready: boolean;
  waiting: Uint8Array[];
}

export interface RadiusTransportEvents {
  /** A server is dead, alive again, or has begun to sign; a reply was dropped. */
  tell?(action: Extract<RadiusAction, { do: 'tell' }>): void;
  /** A packet goes out, or has come; it is not judged yet. */
  packet?(server: RadiusServerOptions, inbound: boolean, octets: Uint8Array): void;
  /** A socket failed; the requests on it time out. */
  failed?(server: RadiusServerOptions, error: Error): void;
}

/** Drives a RadiusClient: one connected UDP socket a lane (IPv4 or IPv6), one timer for all. */
export class RadiusTransport {
  readonly client: RadiusClient;
  readonly #events: RadiusTransportEvents;
  readonly #sockets = new Map<Lane, LaneSocket>();
  readonly #ticker: Ticker;
  #closed = false;

  constructor(client: RadiusClient, events: RadiusTransportEvents = {}) {
    this.client = client;
    this.#events = events;
    this.#ticker = new Ticker(
      () => client.deadline(),
      (now) => this.#do((out) => client.handleTimeout(now, out)),
    );
  }
  /** Asks; `request.answer` is called once, at once or later, unless it is withdrawn. */
  ask(request: RadiusRequest): void {
    this.#do((out) => this.client.ask(request, performance.now(), out));
  }
  cancel(request: RadiusRequest): void {
    this.#do((out) => this.client.cancel(request, performance.now(), out));
  }
  /** Closes the sockets. What is under way is never answered. */
  close(): void {
    this.#closed = true;
    this.#ticker.stop();
    for (const { socket } of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  #do(work: (out: RadiusAction[]) => void): void {
    if (this.#closed) return;
    const out: RadiusAction[] = [];
    work(out);
    for (const action of out) {
      if (action.do === 'send') this.#send(action.lane, action.octets);
      else if (action.do === 'tell') this.#events.tell?.(action);
      else action.request.answer(action.answer);
    }
    this.#ticker.arm();
  }
  #send(lane: Lane, octets: Uint8Array): void {
    const open = this.#sockets.get(lane) ?? this.#open(lane);
    this.#events.packet?.(lane.server, false, octets);
    if (open.ready) open.socket.send(octets, (error) => error !== null && this.#events.failed?.(lane.server, error));
    else if (open.waiting.length < OPENING_MAX) open.waiting.push(octets);
  }
  #open(lane: Lane): LaneSocket {
    const { address, port, sourceAddress } = lane.server;
    const socket = dgram.createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', recvBufferSize: BUFFER_OCTETS });
    const open: LaneSocket = { socket, ready: false, waiting: [] };
    this.#sockets.set(lane, open);
    // Also "connection refused" of a server that is down: its requests time out as if nothing had been said.
    socket.on('error', (error) => this.#events.failed?.(lane.server, error));
    socket.on('message', (octets) => {
      this.#events.packet?.(lane.server, true, octets);
      this.#do((out) => this.client.receive(lane, octets, performance.now(), out));
    });
    socket.bind({ port: 0, ...(sourceAddress === null ? {} : { address: sourceAddress }) }, () =>
      socket.connect(port, address, (error?: Error | null) => {
        if (error !== undefined && error !== null) return this.#events.failed?.(lane.server, error);
        open.ready = true;
        for (const packet of open.waiting.splice(0)) socket.send(packet);
      }),
    );
    return open;
  }
}
