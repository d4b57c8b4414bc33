#include <stdint.h>
#include <string.h>
#include "layout.h"
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
#define API __attribute__((visibility("default")))
#define NOINLINE __attribute__((noinline))
// A reason that the path itself does not use.
#define ELSEWHERE 63
extern u8 *M, *rx, *tx, *core;
extern u32 messages, iovecs, runs, outs;
void transmit_reset(void);
void receive_prepare(int gro);
void receive_rearm(u32 n);
u32 upstream(u32 from, u32 n);
u8 *core_slot(u32 i);
u32 downstream(u32 from, u32 n, const u32 *lengths);
u32 *stop_word(void);
void twin_time(u32 milliseconds, double microseconds);
