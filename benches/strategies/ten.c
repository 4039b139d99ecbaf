/* Reads all ten levels in force, price and size, at every event. */
#include "bench.h"

static int32_t on_event(void *user, bt_ctx *ctx, const bt_event *event, const bt_depth *depth) {
  bench *b = user;
  uint64_t sum = (uint64_t)event->bid_price + (uint64_t)event->ask_price + event->bid_qty + event->ask_qty;
  (void)ctx;
  b->calls++;
  for (int n = 0; n < BT_LEVELS_MAX - 1; n++)
    sum += (uint64_t)depth->bid_price[n] + (uint64_t)depth->ask_price[n] + depth->bid_qty[n] + depth->ask_qty[n];
  b->seen += sum;
  return BT_STATUS_OK;
}
