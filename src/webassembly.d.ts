// The part of the WebAssembly JavaScript API that this package uses: Node's own types leave it to the DOM library.
declare namespace WebAssembly {
  interface MemoryDescriptor {
    initial: number;
    maximum?: number;
    shared?: boolean;
  }
  class Memory {
    constructor(descriptor: MemoryDescriptor);
    readonly buffer: SharedArrayBuffer;
  }
  class Global {
    value: number | bigint;
  }
  class Module {
    constructor(bytes: Uint8Array);
  }
  type Exports = Record<string, ((...args: never[]) => unknown) | Global | Memory>;
  class Instance {
    constructor(module: Module, imports?: Record<string, Record<string, unknown>>);
    readonly exports: Exports;
  }
  class RuntimeError extends Error {}
}
