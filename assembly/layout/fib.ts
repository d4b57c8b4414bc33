// Forwarding table of the interface to the core (PART_FIB, one block), for what leaves by AF_XDP. The main thread makes it
// from the kernel's routes and neighbours, in one of two tables that no shard reads, and then puts it in force by one store.

/**
 * u32, the table in force: bit 0 which one, bits 1 to 16 its ranges (0: there is none), then a number that is another for
 * each table made.
 */
export const FIB_CURRENT: u32 = 0;
export const FIB_RANGES_MAX: u32 = 32768;
/**
 * First addresses (u32 in the order of numbers, ascending, the first is 0) of the ranges, then their next hops: u64, the
 * Ethernet address in its low six octets and bit 48, or 0 where the kernel is to forward.
 */
export const FIB_TABLES: u32 = 64;
export const FIB_HOPS: u32 = FIB_RANGES_MAX * 4;
export const FIB_TABLE_SIZE: u32 = FIB_RANGES_MAX * 12;
export const FIB_SIZE: u32 = FIB_TABLES + 2 * FIB_TABLE_SIZE;
