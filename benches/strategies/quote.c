/* Every so many events withdraws what it sent and sends one lot a side at the touch, or takes one lot from each side.
 * Parameters: every (events), phase (events later than others begin), takes (1 to take). */
#include "bench.h"

static int32_t on_event(void *user, bt_ctx *ctx, const bt_event *event, const bt_depth *depth) {
  bench *b = user;
  (void)depth;
  if (++b->calls < b->next || !event->bid_qty || !event->ask_qty) return BT_STATUS_OK;
  b->next = b->calls + (uint64_t)b->every;
  for (int n = 0; n < 2; n++) {
    int64_t price = (n == 0) == !b->takes ? event->bid_price : event->ask_price;
    bt_order_req req = bt_order(event->instrument, n == 0 ? BT_SIDE_BUY : BT_SIDE_SELL, BT_ORDER_TYPE_LIMIT,
                                b->takes ? BT_TIF_IOC : BT_TIF_ROD, price, 1);
    /* One that was filled is gone already, and the refusal is part of the load. */
    if (b->ids[n] && !b->takes) b->requests += b->host->order_cancel(ctx, b->ids[n]) == BT_STATUS_OK;
    b->requests += b->host->order_submit(ctx, &req, &b->ids[n]) == BT_STATUS_OK;
  }
  return BT_STATUS_OK;
}
