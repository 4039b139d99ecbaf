/* Reads the best prices and their sizes of every event. */
#include "bench.h"

static int32_t on_event(void *user, bt_ctx *ctx, const bt_event *event, const bt_depth *depth) {
  bench *b = user;
  (void)ctx, (void)depth;
  b->calls++;
  b->seen += (uint64_t)event->bid_price + (uint64_t)event->ask_price + event->bid_qty + event->ask_qty;
  return BT_STATUS_OK;
}
