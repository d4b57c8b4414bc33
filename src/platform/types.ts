/** Routers on which L2TP services run. */
export type PlatformName = 'm7i' | 'm10i' | 'm120';

/** A board, PIC or other part: one line of `show chassis hardware`. Empty where that line shows nothing. */
export interface Board {
  /** As it is called in the chassis: `Midplane`, `FPC 0`, `PIC 2`. */
  readonly name: string;
  readonly version: string;
  readonly partNumber: string;
  readonly serialNumber: string;
  readonly description: string;
  /** FRU model number (`models`). */
  readonly model: string;
  /** Assembly ID of its ID EEPROM (`extensive`); null: it has none. */
  readonly assemblyId: number | null;
  /** More lines, each an item of its own (`detail`): a Routing Engine's disks. */
  readonly details: readonly string[];
}
/** A board with what sits on it: the PICs of an FPC. */
export interface FittedBoard extends Board {
  readonly parts: readonly FittedBoard[];
}

/** Services hardware that does the L2TP work. */
export type ServicesPic = 'adaptive-services' | 'adaptive-services-module' | 'multiservices-100' | 'multiservices-400';

/** An FPC, or the place of one. */
export interface FpcSlot {
  readonly fpc: number;
  readonly board: Board;
  /** PIC slots that take a services PIC, and the kind that is fitted there unless told otherwise. */
  readonly services: ReadonlyMap<number, ServicesPic>;
  /** What else sits in its PIC slots. A services PIC in the same slot takes its place. */
  readonly pics: ReadonlyMap<number, Board>;
}

/** What no configuration and no peer gets beyond. */
export interface PlatformLimits {
  /** Tunnel IDs and Session IDs have 16 bits, 0 stands for none (JNX-L2TP-MIB). */
  readonly tunnels: number;
  readonly sessionsPerTunnel: number;
  /** Bundle IDs 1 to this. */
  readonly bundles: number;
  readonly linksPerBundle: number;
  readonly mrruLeast: number;
  readonly mrruMost: number;
  /** Numbers of `rspN`: 0 to one less. */
  readonly redundantInterfaces: number;
}

/** A router, as data. */
export interface Platform {
  readonly name: PlatformName;
  /** As Junos calls it: `M10i`. */
  readonly description: string;
  readonly chassis: Board;
  /** Parts before the FPCs and behind them, in the order of `show chassis hardware`. */
  readonly front: readonly Board[];
  readonly fpcs: readonly FpcSlot[];
  readonly rear: readonly Board[];
  /** Kinds of services PIC that it takes, AS Module aside. */
  readonly kinds: readonly ServicesPic[];
  readonly limits: PlatformLimits;
}
