/** Packets of one batch: `count` of them, packet i in `octets` from `offsets[i]` for `lengths[i]` octets. */
export interface PacketBatch {
  readonly octets: Uint8Array;
  readonly offsets: Uint32Array;
  readonly lengths: Uint32Array;
  readonly count: number;
}

/** Packs packets into one batch, copied. */
export function packBatch(packets: readonly Uint8Array[]): PacketBatch {
  const offsets = new Uint32Array(packets.length);
  const lengths = new Uint32Array(packets.length);
  let total = 0;
  packets.forEach((packet, i) => {
    offsets[i] = total;
    lengths[i] = packet.length;
    total += packet.length;
  });
  const octets = new Uint8Array(total);
  packets.forEach((packet, i) => {
    octets.set(packet, offsets[i]!);
  });
  return { octets, offsets, lengths, count: packets.length };
}

/** The packets of a batch, as views into it. */
export function* unpackBatch(batch: PacketBatch): Generator<Uint8Array, void, void> {
  for (let i = 0; i < batch.count; i++)
    yield batch.octets.subarray(batch.offsets[i]!, batch.offsets[i]! + batch.lengths[i]!);
}
