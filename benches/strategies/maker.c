/* Asks for its position at every event, and amends one order a side to follow the touch whenever that has moved. The example
 * `market_maker.c` does the same, of books alone. Parameters: phase (events later than others begin). */
#define ON_REPORT
#define ON_FILL
#include "bench.h"

#define HELD_MAX 5 /* lots */

typedef struct { uint64_t id; int64_t price; int waits; } quote; /* waits: an answer is still due */
static quote *quote_of(bench *b, uint64_t id) {
  quote *quotes = (quote *)b->own;
  return id == quotes[0].id ? &quotes[0] : id == quotes[1].id ? &quotes[1] : NULL;
}
static void follow(bench *b, bt_ctx *ctx, const bt_event *event, int n, int64_t touch, int64_t held) {
  quote *q = &((quote *)b->own)[n];
  if (q->waits || (q->id ? q->price == touch : held >= HELD_MAX)) return;
  bt_order_req req = bt_order(event->instrument, n == 0 ? BT_SIDE_BUY : BT_SIDE_SELL, BT_ORDER_TYPE_LIMIT, BT_TIF_ROD, touch, 1);
  int32_t status = q->id ? b->host->order_amend(ctx, q->id, touch, 1) : b->host->order_submit(ctx, &req, &q->id);
  b->requests += q->waits = status == BT_STATUS_OK;
}
static int32_t on_event(void *user, bt_ctx *ctx, const bt_event *event, const bt_depth *depth) {
  bench *b = user;
  bt_position position;
  (void)depth;
  if (++b->calls < b->next || !event->bid_qty || !event->ask_qty) return BT_STATUS_OK;
  int32_t status = b->host->position(ctx, event->instrument, &position);
  if (status) return status;
  follow(b, ctx, event, 0, event->bid_price, position.qty);
  follow(b, ctx, event, 1, event->ask_price, -position.qty);
  return BT_STATUS_OK;
}
static int32_t on_report(void *user, bt_ctx *ctx, const bt_report *report) {
  quote *q = quote_of((bench *)user, report->order_id);
  (void)ctx;
  if (q) *q = (quote){report->leaves_qty ? q->id : 0, report->price, 0};
  return BT_STATUS_OK;
}
static int32_t on_fill(void *user, bt_ctx *ctx, const bt_fill *fill) {
  quote *q = quote_of((bench *)user, fill->order_id);
  (void)ctx;
  if (q && !fill->leaves_qty) *q = (quote){0, 0, 0};
  return BT_STATUS_OK;
}
