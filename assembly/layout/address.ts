// Address -> carrier. Key: routing instance, 128-bit address (IPv4 mapped, network order), prefix length.
// Value: a stack of sessions and bundles in the order they came up; its top, the carrier, takes the traffic. A bundle
// stands there by its network row.

@unmanaged class AddressEntry {
  address0: u64;
  address1: u64;
  key: u32; // ADDRESS_* state << 24 | prefix length << 16 | routing instance; published last
  carrier: u32; // session row; 0 = none; switched by one atomic store
  top: u32; // stack node
  since: u32; // ms of the shared clock at the last switch; in a removed entry the epoch from which it may be used again
}
export const ADDRESS_ADDRESS: u32 = offsetof<AddressEntry>("address0");
export const ADDRESS_KEY: u32 = offsetof<AddressEntry>("key");
export const ADDRESS_CARRIER: u32 = offsetof<AddressEntry>("carrier");
export const ADDRESS_TOP: u32 = offsetof<AddressEntry>("top");
export const ADDRESS_SINCE: u32 = offsetof<AddressEntry>("since");
export const ADDRESS_ENTRY_SIZE: u32 = offsetof<AddressEntry>();
export const ADDRESS_USED: u32 = 1;
export const ADDRESS_REMOVED: u32 = 2;

@unmanaged class StackNode {
  member: u32; // session row
  below: u32; // node of the member that came up before
  above: u32;
  entry: u32; // address entry (offset in memory)
}
export const STACK_MEMBER: u32 = offsetof<StackNode>("member");
export const STACK_BELOW: u32 = offsetof<StackNode>("below");
export const STACK_ABOVE: u32 = offsetof<StackNode>("above");
export const STACK_ENTRY: u32 = offsetof<StackNode>("entry");
export const STACK_NODE_SIZE: u32 = offsetof<StackNode>();
/** Members that a source check looks at; deeper ones are reached by their own framed address. */
export const STACK_DEPTH_MAX: u32 = 64;
