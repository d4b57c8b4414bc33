/** The Ethernet address of a next hop as the path reads it (assembly/layout/fib.ts, tunnel.ts). */
export function hopWord(mac: Uint8Array | null): bigint {
  if (mac === null) return 0n;
  let hop = 1n << 48n;
  for (let n = 0; n < 6; n++) hop |= BigInt(mac[n]!) << BigInt(n * 8);
  return hop;
}
