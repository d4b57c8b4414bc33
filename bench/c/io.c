// The shard's loop in C, by plain system calls: recvmmsg and one write a packet up, one read a packet and sendmmsg down.
#define _GNU_SOURCE
#include "path.h"
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void set_time(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  const double us = (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
  twin_time((u32)(u64)(us / 1000), us);
}
static u64 lost;
static void flush(int udp, int tun) {
  for (u32 run = 0; run < runs; run++) {
    u32 at, n;
    memcpy(&at, tx + TX_RUNS + run * 16 + 4, 4);
    memcpy(&n, tx + TX_RUNS + run * 16 + 8, 4);
    for (const u32 end = at + n; at < end;) {
      const int sent = sendmmsg(udp, (struct mmsghdr *)(tx + TX_MESSAGES + (u64)at * MMSGHDR_SIZE), end - at, MSG_DONTWAIT);
      if (sent > 0) at += (u32)sent;
      else if (errno == EAGAIN) { lost += end - at; break; }
      else { lost++; at++; }
    }
  }
  for (u32 i = 0; i < outs; i++) {
    u32 packet[2];
    memcpy(packet, tx + TX_OUT + (u64)i * 8, 8);
    if (write(tun, M + packet[0], packet[1]) < 0) lost++;
  }
  transmit_reset();
}
/** Runs until the memory's stop word is set. Returns the packets that the kernel did not take. */
API u64 twin_loop(int udp, int tun, int gro) {
  lost = 0;
  const int epoll = epoll_create1(0);
  struct epoll_event events[4];
  events[0] = (struct epoll_event){.events = EPOLLIN, .data.fd = udp};
  epoll_ctl(epoll, EPOLL_CTL_ADD, udp, &events[0]);
  if (tun >= 0) {
    events[0].data.fd = tun;
    epoll_ctl(epoll, EPOLL_CTL_ADD, tun, &events[0]);
  }
  receive_prepare(gro);
  transmit_reset();
  int busy = 0;
  static u32 lengths[BATCH];
  while (__atomic_load_n(stop_word(), __ATOMIC_SEQ_CST) == 0) {
    const int ready = epoll_wait(epoll, events, 4, busy ? 0 : 250);
    busy = 0;
    set_time();
    for (int e = 0; e < ready; e++) {
      if (events[e].data.fd == udp) {
        const int n = recvmmsg(udp, (struct mmsghdr *)(rx + RX_MESSAGES), BATCH, MSG_DONTWAIT, 0);
        if (n <= 0) continue;
        for (u32 at = 0; at < (u32)n;) {
          at = upstream(at, (u32)n);
          flush(udp, tun);
        }
        receive_rearm((u32)n);
        busy = 1;
      } else {
        u32 n = 0;
        for (; n < BATCH; n++) {
          const ssize_t octets = read(tun, core_slot(n), SLOT_OCTETS);
          if (octets <= 0) break;
          lengths[n] = (u32)octets;
        }
        for (u32 at = 0; at < n;) {
          at = downstream(at, n, lengths);
          flush(udp, tun);
        }
        busy = busy || n == BATCH;
      }
    }
  }
  close(epoll);
  return lost;
}
