// The packet path once more, in C, to measure the Wasm one against (bench/c.ts, bench/io.ts): the same tables in the same memory,
// the same checks in the same order, the same counters, policing, lists and buffers. What leaves the plain way (control
// messages, multilink, captures, fragments, shaping) is counted as ELSEWHERE, and the bench fails on it.
// layout.h is written by the bench from the layout that the Wasm module exports.
#include "path.h"

u8 *M;               // the linear memory
static u64 base;     // what pointers for the kernel count from
static u32 shard, now;
static u64 clock_;
static u8 *tunnels, *tunnel_index, *sessions, *counters, *session_index, *addresses, *stack_, *shapers, *control, *shard_counters;
static u32 session_mask, session_shift, address_mask;
u8 *rx, *tx, *core;
static int back_tun = 1, peer_check = 1;
static u32 mss_limit;
static int gro;

#define LD(type, at) ({ type v_; memcpy(&v_, (at), sizeof v_); v_; })
#define ST(type, at, value) do { type v_ = (value); memcpy((at), &v_, sizeof v_); } while (0)
#define ATOMIC_LOAD(type, at) __atomic_load_n((type *)(at), __ATOMIC_SEQ_CST)
#define ATOMIC_ADD(type, at, n) __atomic_fetch_add((type *)(at), (n), __ATOMIC_SEQ_CST)
static inline u32 be16(const u8 *at) { return __builtin_bswap16(LD(u16, at)); }
static inline void set_be16(u8 *at, u32 value) { ST(u16, at, __builtin_bswap16((u16)value)); }
static inline u32 offset_of(const u8 *at) { return (u32)(at - M); }

static u8 *part(u32 number, u32 index) {
  const u8 *entry = M + MEMORY_HEADER + HEADER_DIRECTORY + number * DIRECTORY_ENTRY_SIZE;
  return M + LD(u32, entry) + (u64)index * LD(u32, entry + 12);
}
static u32 part_count(u32 number) { return LD(u32, M + MEMORY_HEADER + HEADER_DIRECTORY + number * DIRECTORY_ENTRY_SIZE + 8); }

API int twin_attach(u64 memory, u64 pointers, u32 index) {
  M = (u8 *)memory;
  base = pointers;
  shard = index;
  if (LD(u64, M + MEMORY_HEADER + HEADER_MAGIC) != MEMORY_MAGIC) return 1;
  tunnels = part(PART_TUNNELS, 0);
  tunnel_index = part(PART_TUNNEL_INDEX, 0);
  sessions = part(PART_SESSIONS, 0);
  counters = part(PART_SESSION_COUNTERS, 0);
  session_index = part(PART_SESSION_INDEX, 0);
  session_mask = part_count(PART_SESSION_INDEX) - 1;
  session_shift = (u32)__builtin_clz(session_mask);
  addresses = part(PART_ADDRESSES, 0);
  address_mask = part_count(PART_ADDRESSES) - 1;
  stack_ = part(PART_STACK, 0);
  shapers = part(PART_SHAPERS, 0);
  control = part(PART_CONTROL, 0);
  shard_counters = part(PART_SHARD_COUNTERS, index);
  rx = part(PART_RX, index);
  tx = part(PART_TX, index);
  core = part(PART_CORE, index);
  return 0;
}
API void twin_time(u32 milliseconds, double microseconds) { now = milliseconds; clock_ = (u64)(microseconds * 16000.0); }
API void twin_mss(u32 octets) { mss_limit = octets; }

static inline void count(u32 index, u64 amount) {
  u64 *at = (u64 *)(shard_counters + (index << 3));
  *at += amount;
}
static inline void drop(u32 reason) { count(reason, 1); }
static inline u8 *counters_of(const u8 *session) { return counters + (u64)((session - sessions) / SESSION_ROW_SIZE) * SESSION_COUNTERS_SIZE; }
static NOINLINE void drop_rx(u32 reason, u8 *session) { count(reason, 1); ATOMIC_ADD(u64, counters_of(session) + COUNTER_RX_ERRORS, 1); }
static NOINLINE void drop_tx(u32 reason, u8 *session) { count(reason, 1); ATOMIC_ADD(u64, counters_of(session) + COUNTER_TX_ERRORS, 1); }
static inline void count_packet(u8 *session, u32 octets, u32 packets_at, u32 last_at) {
  u8 *at = counters_of(session) + packets_at;
  if (LD(u16, session + SESSION_OWNER_SHARD) == shard) {
    ((u64 *)at)[0] += 1;
    ((u64 *)at)[1] += octets;
  } else {
    ATOMIC_ADD(u64, at + COUNTER_OTHER, 1);
    ATOMIC_ADD(u64, at + COUNTER_OTHER + 8, octets);
  }
  ST(u32, at - packets_at + last_at, now);
}

static inline u8 *find_session(u32 key) {
  u32 slot = (key * 0x9e3779b1u) >> session_shift;
  for (u32 n = 0; n <= session_mask; n++) {
    const u64 entry = LD(u64, session_index + ((u64)slot << 3));
    if ((u32)entry == key && key != 0) return sessions + (entry >> 32) * SESSION_ROW_SIZE;
    if (entry == 0) return 0;
    slot = (slot + 1) & session_mask;
  }
  return 0;
}
#define MAPPED_LOW 0xffff0000ull
static inline u32 address_slot(u32 key, u64 high, u64 low) {
  u64 h = (high ^ (low + 0x9e3779b97f4a7c15ull)) * 0xff51afd7ed558ccdull ^ (u64)(key & 0xffffff) * 0x9e3779b1ull;
  h ^= h >> 32;
  return (u32)(h * 0xc4ceb9fe1a85ec53ull >> 32) & address_mask;
}
static inline u8 *find_prefix(u32 instance, u32 length, u64 high, u64 low) {
  const u32 key = (u32)ADDRESS_USED << 24 | length << 16 | instance;
  u32 slot = address_slot(key, high, low);
  for (u32 n = 0; n <= address_mask; n++) {
    u8 *entry = addresses + (u64)slot * ADDRESS_ENTRY_SIZE;
    const u32 found = LD(u32, entry + ADDRESS_KEY);
    if (found == 0) return 0;
    if (found == key && LD(u64, entry + ADDRESS_ADDRESS) == high && LD(u64, entry + ADDRESS_ADDRESS + 8) == low) return entry;
    slot = (slot + 1) & address_mask;
  }
  return 0;
}
static inline u64 mask_high(u32 length) { return length >= 64 ? ~0ull : length == 0 ? 0 : __builtin_bswap64(~0ull << (64 - length)); }
static inline u64 mask_low(u32 length) { return length <= 64 ? 0 : length == 128 ? ~0ull : __builtin_bswap64(~0ull << (128 - length)); }
static NOINLINE u8 *find_shorter(u32 instance, u64 high, u64 low) {
  const u32 shortest = high == 0 && (u32)low == (u32)MAPPED_LOW ? 96 : 0;
  for (int word = 3; word >= 0; word--) {
    u32 bits = LD(u32, control + CONTROL_PREFIX_BITS + word * 4);
    while (bits) {
      const u32 bit = 31 - (u32)__builtin_clz(bits);
      bits &= ~(1u << bit);
      const u32 length = (u32)word * 32 + bit;
      if (length < shortest) return 0;
      u8 *entry = find_prefix(instance, length, high & mask_high(length), low & mask_low(length));
      if (entry) return entry;
    }
  }
  return 0;
}
static inline u8 *find_address(u32 instance, u64 high, u64 low) {
  u8 *exact = find_prefix(instance, 128, high, low);
  return exact ? exact : find_shorter(instance, high, low);
}
static int stack_holds(const u8 *entry, u32 member) {
  u32 node = LD(u32, entry + ADDRESS_TOP);
  for (u32 n = 0; node != 0 && n < STACK_DEPTH_MAX; n++) {
    if (LD(u32, stack_ + (u64)node * STACK_NODE_SIZE + STACK_MEMBER) == member) return 1;
    node = LD(u32, stack_ + (u64)node * STACK_NODE_SIZE + STACK_BELOW);
  }
  return 0;
}

static int conforms(u32 row, u32 octets) {
  u8 *at = shapers + (u64)row * SHAPER_ROW_SIZE;
  const u64 cost = LD(u64, at + SHAPER_COST) * octets >> 16, burst = LD(u64, at + SHAPER_BURST);
  for (int n = 0; n < 8; n++) {
    u64 due = ATOMIC_LOAD(u64, at + SHAPER_DUE);
    const u64 ahead = due > clock_ ? due - clock_ : 0;
    if (ahead + cost > burst) {
      ATOMIC_ADD(u64, at + SHAPER_PACKETS, 1);
      ATOMIC_ADD(u64, at + SHAPER_OCTETS, octets);
      return 0;
    }
    const u64 next = (due > clock_ ? due : clock_) + cost;
    if (__atomic_compare_exchange_n((u64 *)(at + SHAPER_DUE), &due, next, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return 1;
  }
  return 1;
}
static void adjust(u8 *field, u32 before, u32 after) {
  u32 sum = (~(u32)LD(u16, field) & 0xffff) + (~before & 0xffff) + after;
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  ST(u16, field, (u16)~sum);
}
static NOINLINE void clamp(const u8 *session, u8 *ptr, u32 len) {
  u8 *segment = ptr + ((ptr[0] & 15) << 2);
  if ((be16(ptr + 6) & 0x1fff) != 0 || ptr + len < segment + 20 || !(segment[13] & 2)) return;
  u8 *end = segment + (segment[12] >> 4 << 2);
  if (end > ptr + len) end = ptr + len;
  const u32 fit = LD(u32, session + SESSION_PEER_MRU) - 40;
  const u32 most = mss_limit == 0xffff ? fit : mss_limit < fit ? mss_limit : fit;
  for (u8 *at = segment + 20; at < end;) {
    if (at[0] == 0) return;
    if (at[0] == 1) { at++; continue; }
    if (at + 1 >= end) return;
    const u32 octets = at[1];
    if (octets < 2 || at + octets > end) return;
    if (at[0] == 2 && octets == 4) {
      if (be16(at + 2) <= most) return;
      u8 *value = at + 2, *from = value - ((value - segment) & 1);
      const u32 first = LD(u16, from), second = LD(u16, from + 2);
      set_be16(value, most);
      adjust(segment + 16, first, LD(u16, from));
      if (from != value) adjust(segment + 16, second, LD(u16, from + 2));
      count(TOTAL_MSS_CLAMPED, 1);
      return;
    }
    at += octets;
  }
}
static inline void clamp_mss(const u8 *session, u8 *ptr, u32 len) { if (mss_limit != 0 && ptr[9] == 6 && (ptr[0] != 0x45 || ptr[33] & 2)) clamp(session, ptr, len); }

// The transmit list.
u32 messages, iovecs, runs, outs;
static u32 segment, segments, total, group = 0xffffffff;
static int segmenting, open_;
static const u8 *destination;

API void twin_segmentation(int on) { segmenting = on; }
void transmit_reset(void) {
  messages = iovecs = runs = outs = 0;
  open_ = 0;
  group = 0xffffffff;
}
static inline int transmit_room(void) { return messages + 128 <= TX_MESSAGES_MAX && iovecs + 128 <= TX_MESSAGES_MAX * 2 && outs + 128 <= TX_OUT_MAX; }
static inline int same_destination(const u8 *a, const u8 *b) {
  if (a == b) return 1;
  const u8 *pa = a + SESSION_PEER, *pb = b + SESSION_PEER;
  if (LD(u64, pa) != LD(u64, pb)) return 0;
  return LD(u16, pa) != 10 || memcmp(pa + 8, pb + 8, 20) == 0;
}
static void transmit(u8 *ptr, u32 len, const u8 *session) {
  count(TOTAL_TX_DATAGRAMS, 1);
  count(TOTAL_TX_OCTETS, len);
  const u32 to = LD(u16, session + SESSION_SOCKET_GROUP);
  u8 *vector = tx + TX_IOVECS + (u64)iovecs * IOVEC_SIZE;
  if (open_ && to == group && len <= segment && segments < 64 && total + len <= 65000 && same_destination(destination, session)) {
    ST(u64, vector, base + offset_of(ptr));
    ST(u64, vector + 8, len);
    iovecs++;
    segments++;
    total += len;
    if (len < segment) open_ = 0;
    u8 *message = tx + TX_MESSAGES + (u64)(messages - 1) * MMSGHDR_SIZE;
    ST(u64, message + 24, segments);
    if (segments == 2) {
      u8 *cmsg = tx + TX_CONTROLS + (u64)(messages - 1) * CMSG_SIZE;
      ST(u64, cmsg, 18);
      ST(u32, cmsg + 8, 17);
      ST(u32, cmsg + 12, 103);
      ST(u16, cmsg + 16, (u16)segment);
      ST(u64, message + 32, base + offset_of(cmsg));
      ST(u64, message + 40, 24);
    }
    return;
  }
  if (to != group) {
    group = to;
    u8 *run = tx + TX_RUNS + (u64)runs++ * 16;
    ST(u32, run, to);
    ST(u32, run + 4, messages);
    ST(u32, run + 8, 0);
  }
  u8 *run = tx + TX_RUNS + (u64)(runs - 1) * 16;
  ST(u32, run + 8, LD(u32, run + 8) + 1);
  ST(u64, vector, base + offset_of(ptr));
  ST(u64, vector + 8, len);
  u8 *message = tx + TX_MESSAGES + (u64)messages * MMSGHDR_SIZE;
  ST(u64, message, base + offset_of(session + SESSION_PEER));
  ST(u64, message + 8, LD(u16, session + SESSION_PEER_LENGTH));
  ST(u64, message + 16, base + offset_of(vector));
  ST(u64, message + 24, 1);
  ST(u64, message + 32, 0);
  ST(u64, message + 40, 0);
  ST(u64, message + 48, 0);
  iovecs++;
  messages++;
  open_ = segmenting;
  segment = len;
  segments = 1;
  total = len;
  destination = session;
}
static inline void core_out(u8 *ptr, u32 len) {
  u8 *at = tx + TX_OUT + (u64)outs++ * 8;
  ST(u32, at, offset_of(ptr));
  ST(u32, at + 4, len);
  count(TOTAL_DELIVERED, 1);
  count(TOTAL_DELIVERED_OCTETS, len);
}

// Up.
static NOINLINE int in_sequence(u8 *session, u32 ns) {
  if (!(LD(u32, session + SESSION_FLAGS) & SESSION_RX_NS_VALID)) {
    __atomic_fetch_or((u32 *)(session + SESSION_FLAGS), SESSION_RX_NS_VALID, __ATOMIC_SEQ_CST);
    ST(u16, session + SESSION_RX_NS, (u16)(ns + 1));
    return 1;
  }
  const u32 ahead = (ns - LD(u16, session + SESSION_RX_NS)) & 0xffff;
  if (ahead < 0x8000) {
    if (ahead) {
      u8 *lost = counters_of(session) + COUNTER_LOST;
      ST(u32, lost, LD(u32, lost) + ahead);
      count(TOTAL_LOST, ahead);
    }
    ST(u16, session + SESSION_RX_NS, (u16)(ns + 1));
    ST(u16, session + SESSION_LATE_RUN, 0);
    return 1;
  }
  const u32 run = LD(u16, session + SESSION_LATE_RUN) + 1u;
  if (run >= LATE_RUN_MAX) {
    ST(u16, session + SESSION_RX_NS, (u16)(ns + 1));
    ST(u16, session + SESSION_LATE_RUN, 0);
    return 1;
  }
  ST(u16, session + SESSION_LATE_RUN, (u16)run);
  u8 *late = counters_of(session) + COUNTER_LATE;
  ST(u32, late, LD(u32, late) + 1);
  return 0;
}
static int source_allowed(const u8 *session, u32 source) {
  const u8 *entry = find_address(LD(u16, session + SESSION_ROUTING_INSTANCE), 0, (u64)source << 32 | MAPPED_LOW);
  return entry != 0 && stack_holds(entry, (u32)((session - sessions) / SESSION_ROW_SIZE));
}
static void deliver_ipv4(u8 *session, u8 *ptr, const u8 *end) {
  if (end < ptr + 20) return drop_rx(DROP_IP_LENGTH, session);
  if (ptr[0] >> 4 != 4) return drop_rx(DROP_IP_VERSION, session);
  const u32 header = (u32)(ptr[0] & 15) << 2, len = be16(ptr + 2);
  if (header < 20 || len < header || len > (u32)(end - ptr)) return drop_rx(DROP_IP_LENGTH, session);
  const u32 source = LD(u32, ptr + 12);
  if (source != LD(u32, session + SESSION_ADDRESS + 12) && !source_allowed(session, source)) return drop_rx(DROP_SPOOFED, session);
  const u32 policer = LD(u32, session + SESSION_SHAPER_UP);
  if (policer && !conforms(policer, len)) return drop_rx(DROP_POLICED_UP, session);
  clamp_mss(session, ptr, len);
  count_packet(session, len, COUNTER_RX_PACKETS, COUNTER_LAST_RX);
  if (LD(u32, session + SESSION_FLAGS) & SESSION_TAPPED) return drop(ELSEWHERE);
  if (back_tun) return core_out(ptr, len);
  drop(DROP_CORE_NONE);
}
static void ppp_frame(u8 *session, u8 *ptr, const u8 *end) {
  if (end >= ptr + 2 && LD(u16, ptr) == 0x03ff) ptr += 2;
  if (ptr >= end) return drop_rx(DROP_PPP_EMPTY, session);
  u32 protocol = ptr[0], size = 1;
  if (!(protocol & 1)) {
    if (end < ptr + 2) return drop_rx(DROP_PPP_PROTOCOL, session);
    protocol = be16(ptr);
    size = 2;
  }
  const u64 work = LD(u64, session + SESSION_ACTION);
  if (protocol != 0x21 || (u32)work == ACTION_BUNDLE) return drop(ELSEWHERE);
  if ((u32)work == ACTION_DELIVER) return deliver_ipv4(session, ptr + size, end);
  drop_rx((u32)work == ACTION_DROP ? DROP_ACTION : DROP_NOT_UP, session);
}
static inline int same_peer(const u8 *name, const u8 *peer) {
  if (LD(u16, name) == 2) return LD(u64, name) == LD(u64, peer);
  return LD(u32, name) == LD(u32, peer) && memcmp(name + 8, peer + 8, 16) == 0;
}
static void upstream_datagram(u8 *ptr, u32 len, const u8 *name) {
  count(TOTAL_RX_DATAGRAMS, 1);
  count(TOTAL_RX_OCTETS, len);
  if (len > 0 && ptr[0] & 0x80) return drop(ELSEWHERE);
  if (len < L2TP_HEADER_MIN) return drop(DROP_RUNT);
  const u32 flags = be16(ptr);
  if ((flags & L2TP_VER) != 2) return drop(DROP_VERSION);
  u32 size = L2TP_HEADER_MIN, end = len, ns = 0;
  const u8 *ids = ptr + 2;
  if (flags & L2TP_L) {
    size = L2TP_HEADER_MIN + 2;
    if (len < size) return drop(DROP_RUNT);
    end = be16(ptr + 2);
    ids = ptr + 4;
  }
  if (flags & L2TP_S) {
    size += 4;
    if (len < size) return drop(DROP_RUNT);
    ns = be16(ids + 4);
  }
  if (flags & L2TP_O) {
    if (len < size + 2) return drop(DROP_RUNT);
    size += 2 + be16(ptr + size);
  }
  if (end < size || end > len) return drop(DROP_LENGTH);
  const u32 key = __builtin_bswap32(LD(u32, ids));
  u8 *session = find_session(key);
  if (!session) return drop(LD(u32, tunnel_index + (key >> 16 << 2)) ? DROP_SESSION : DROP_TUNNEL);
  if (peer_check && !same_peer(name, session + SESSION_PEER)) return drop_rx(DROP_PEER_ADDRESS, session);
  const u32 state = LD(u32, session + SESSION_FLAGS);
  if (flags & L2TP_S) {
    if (!in_sequence(session, ns)) return drop_rx(DROP_LATE, session);
    if (!(state & SESSION_SEND_NS)) __atomic_fetch_or((u32 *)(session + SESSION_FLAGS), SESSION_SEND_NS, __ATOMIC_SEQ_CST);
  } else if (state & SESSION_NS_REQUIRED) return drop_rx(DROP_NS_MISSING, session);
  else if ((state & (SESSION_LAC | SESSION_SEND_NS)) == (SESSION_LAC | SESSION_SEND_NS)) __atomic_fetch_and((u32 *)(session + SESSION_FLAGS), ~SESSION_SEND_NS, __ATOMIC_SEQ_CST);
  ST(u32, tunnels + (u64)LD(u32, session + SESSION_TUNNEL_ROW) * TUNNEL_ROW_SIZE + TUNNEL_LAST_HEARD, now);
  ppp_frame(session, ptr + size, ptr + end);
}

// Down.
static void encap_packet(u8 *session, u8 *ptr, u32 len) {
  const u32 flags = LD(u32, session + SESSION_FLAGS);
  if (flags & (SESSION_SEND_NS | SESSION_TAPPED)) {
    if (flags & SESSION_TAPPED) return drop(ELSEWHERE);
    const u32 size = session[SESSION_NUMBERED_SIZE];
    memcpy(ptr - 16, session + SESSION_NUMBERED, 16);
    set_be16(ptr - size + 2, len + size);
    set_be16(ptr - size + 8, ATOMIC_ADD(u32, session + SESSION_TX_NS, 1));
    return transmit(ptr - size, len + size, session);
  }
  const u32 size = session[SESSION_PLAIN_SIZE];
  memcpy(ptr - 16, session + SESSION_PLAIN, 16);
  set_be16(ptr - size + 2, len + size);
  transmit(ptr - size, len + size, session);
}
static inline int sends(u32 action) { return action == ACTION_DELIVER || action == ACTION_MULTILINK; }
static void send_open(u8 *session, u32 action, u8 *ptr, u32 len) {
  const u32 policer = LD(u32, session + SESSION_SHAPER_DOWN);
  if (policer && !conforms(policer, len)) return drop_tx(DROP_POLICED_DOWN, session);
  clamp_mss(session, ptr, len);
  if (len > LD(u32, session + SESSION_PEER_MRU) || action == ACTION_MULTILINK) return drop(ELSEWHERE);
  count_packet(session, len, COUNTER_TX_PACKETS, COUNTER_LAST_TX);
  encap_packet(session, ptr, len);
}
static void accept_packet(u8 *ptr, u32 len) {
  count(TOTAL_ACCEPTED, 1);
  count(TOTAL_ACCEPTED_OCTETS, len);
  if (len < 20 || (u32)ptr[0] - 0x45 > 10) return drop(DROP_CORE_IP);
  const u32 octets = be16(ptr + 2);
  if (octets < 20 || octets > len) return drop(DROP_CORE_IP);
  const u8 *entry = find_address(0, 0, (u64)LD(u32, ptr + 16) << 32 | MAPPED_LOW);
  if (!entry) return drop(DROP_NO_ROUTE);
  for (int looked = 0; looked < 2; looked++) {
    const u32 carrier = ATOMIC_LOAD(u32, entry + ADDRESS_CARRIER);
    if (!carrier) return drop(DROP_NO_ROUTE);
    u8 *session = sessions + (u64)carrier * SESSION_ROW_SIZE;
    const u32 action = LD(u32, session + SESSION_ACTION);
    if (sends(action)) return send_open(session, action, ptr, octets);
    if (looked) return drop_tx(DROP_NOT_UP, session);
  }
}

// As the Wasm path does from 2,048 sessions on: what the next packets need is on its way before the first is handled.
static inline int ahead_pays(void) { return LD(u32, control + CONTROL_SESSIONS) > 2048; }
static inline void ahead_row(u32 row, u32 line, u32 shaper) {
  const u8 *session = sessions + (u64)row * SESSION_ROW_SIZE;
  __builtin_prefetch(session + line);
  __builtin_prefetch(counters + (u64)row * SESSION_COUNTERS_SIZE, 1);
  __builtin_prefetch(shapers + (u64)LD(u32, session + shaper) * SHAPER_ROW_SIZE, 1);
}
static inline void ahead_up(const u8 *ptr) {
  const u32 key = __builtin_bswap32(LD(u32, ptr + 2 + (ptr[0] >> 5 & 2)));
  u32 row = (u32)(LD(u64, session_index + ((u64)((key * 0x9e3779b1u) >> session_shift) << 3)) >> 32);
  if (row == 0xffffffff) row = 0;
  ahead_row(row, SESSION_PEER, SESSION_SHAPER_UP);
  __builtin_prefetch(tunnels + (u64)LD(u32, sessions + (u64)row * SESSION_ROW_SIZE + SESSION_TUNNEL_ROW) * TUNNEL_ROW_SIZE, 1);
}
static inline void ahead_down(const u8 *ptr) {
  const u64 low = (u64)LD(u32, ptr + 16) << 32 | MAPPED_LOW;
  const u8 *entry = addresses + (u64)address_slot((u32)ADDRESS_USED << 24 | 128 << 16, 0, low) * ADDRESS_ENTRY_SIZE;
  ahead_row(LD(u32, entry + ADDRESS_CARRIER), SESSION_PLAIN, SESSION_SHAPER_DOWN);
}

// Lists in memory: `rounds` times `packets` of them, in batches. Returns how many were handled.
API u32 twin_up_list(u32 list, u32 packets, u32 batch, u32 rounds, u32 name) {
  const int many = ahead_pays();
  u32 handled = 0;
  for (u32 round = 0; round < rounds; round++)
    for (u32 first = 0; first < packets; first += batch) {
      const u32 end = first + batch < packets ? first + batch : packets;
      transmit_reset();
      for (u32 i = first; i < end && transmit_room(); i++, handled++) {
        if (many && ((i - first) & 31) == 0)
          for (u32 j = i; j < end && j < i + 32; j++) ahead_up(M + LD(u32, M + list + (u64)j * 8));
        upstream_datagram(M + LD(u32, M + list + (u64)i * 8), LD(u32, M + list + (u64)i * 8 + 4), M + name);
      }
    }
  return handled;
}
API u32 twin_down_list(u32 list, u32 packets, u32 batch, u32 rounds) {
  const int many = ahead_pays();
  u32 handled = 0;
  for (u32 round = 0; round < rounds; round++)
    for (u32 first = 0; first < packets; first += batch) {
      const u32 end = first + batch < packets ? first + batch : packets;
      transmit_reset();
      for (u32 i = first; i < end && transmit_room(); i++, handled++) {
        if (many && ((i - first) & 31) == 0)
          for (u32 j = i; j < end && j < i + 32; j++) ahead_down(M + LD(u32, M + list + (u64)j * 8));
        accept_packet(M + LD(u32, M + list + (u64)i * 8), LD(u32, M + list + (u64)i * 8 + 4));
      }
    }
  return handled;
}
API u32 twin_messages(void) { return messages; }
API u32 twin_outs(void) { return outs; }

// What recvmmsg has received, and what read has.
void receive_prepare(int use_gro) {
  gro = use_gro;
  const u32 slot = gro ? SLOT_SIZE_GRO : SLOT_SIZE;
  for (u32 i = 0; i < BATCH; i++) {
    u8 *message = rx + RX_MESSAGES + i * MMSGHDR_SIZE, *vector = rx + RX_IOVECS + i * IOVEC_SIZE;
    ST(u64, vector, (u64)(rx + RX_SLOTS + HEADROOM + (u64)i * slot));
    ST(u64, vector + 8, gro ? SLOT_OCTETS_GRO : SLOT_OCTETS);
    ST(u64, message, (u64)(rx + RX_NAMES + i * SOCKADDR_SIZE));
    ST(u64, message + 16, (u64)vector);
    ST(u64, message + 24, 1);
    ST(u64, message + 32, gro ? (u64)(rx + RX_CONTROLS + i * CMSG_SIZE) : 0);
  }
  receive_rearm(BATCH);
}
void receive_rearm(u32 n) {
  for (u32 i = 0; i < n; i++) {
    u8 *message = rx + RX_MESSAGES + i * MMSGHDR_SIZE;
    ST(u64, message + 8, SOCKADDR_SIZE);
    ST(u64, message + 40, gro ? CMSG_SIZE : 0);
  }
}
static u32 taken;
u32 upstream(u32 from, u32 n) {
  count(TOTAL_BATCHES, 1);
  const u32 slot = gro ? SLOT_SIZE_GRO : SLOT_SIZE;
  const int many = ahead_pays();
  u32 i = from;
  if (many && !gro)
    for (u32 j = i; j < n; j++) ahead_up(rx + RX_SLOTS + HEADROOM + (u64)j * SLOT_SIZE);
  for (; i < n; i++) {
    const u8 *message = rx + RX_MESSAGES + i * MMSGHDR_SIZE, *name = rx + RX_NAMES + i * SOCKADDR_SIZE;
    u8 *ptr = rx + RX_SLOTS + HEADROOM + (u64)i * slot;
    const u32 len = LD(u32, message + 56);
    if (LD(u32, message + 48) & 0x20) {
      drop(DROP_TRUNCATED);
      continue;
    }
    u32 size = len;
    if (gro && LD(u64, message + 40) >= 20) {
      const u8 *cmsg = rx + RX_CONTROLS + i * CMSG_SIZE;
      if (LD(u32, cmsg + 8) == 17 && LD(u32, cmsg + 12) == 104) size = LD(u32, cmsg + 16) ? LD(u32, cmsg + 16) : 1;
    }
    if (size < len && taken == 0) count(TOTAL_RX_RUNS, 1);
    u32 loaded = many && gro ? taken : len;
    do {
      if (!transmit_room()) return i;
      if (taken >= loaded)
        for (u32 j = 0; j < 32 && loaded < len; j++, loaded += size) ahead_up(ptr + loaded);
      const u32 octets = size < len - taken ? size : len - taken;
      upstream_datagram(ptr + taken, octets, name);
      taken += octets;
    } while (taken < len);
    taken = 0;
  }
  return i;
}
u8 *core_slot(u32 i) { return core + CORE_SLOTS + HEADROOM + (u64)i * SLOT_SIZE; }
u32 downstream(u32 from, u32 n, const u32 *lengths) {
  if (ahead_pays())
    for (u32 j = from; j < n; j++) ahead_down(core_slot(j));
  u32 i = from;
  for (; i < n && transmit_room(); i++) accept_packet(core_slot(i), lengths[i]);
  return i;
}
u32 *stop_word(void) { return (u32 *)(control + CONTROL_STOP); }
