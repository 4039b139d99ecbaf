/* One order after the other, far from the market and between two of its rows: submit, accepted, cancel, cancelled, and again.
 * Parameter: trips (how many). `requests` counts what was sent. */
#define ON_REPORT
#include "bench.h"

static int32_t submit(bench *b, bt_ctx *ctx, int64_t price) {
  bt_order_req req = bt_order(0, BT_SIDE_BUY, BT_ORDER_TYPE_LIMIT, BT_TIF_ROD, price, 1);
  b->requests++;
  return b->host->order_submit(ctx, &req, b->ids);
}
static int32_t on_event(void *user, bt_ctx *ctx, const bt_event *event, const bt_depth *depth) {
  bench *b = user;
  (void)depth;
  b->calls++;
  if (event->kind != BT_KIND_BOOK || b->requests) return BT_STATUS_OK;
  return submit(b, ctx, event->bid_price / 2 / 1000000 * 1000000);
}
static int32_t on_report(void *user, bt_ctx *ctx, const bt_report *report) {
  bench *b = user;
  switch (report->kind) {
  case BT_REPORT_KIND_ACCEPTED:
    b->requests++;
    return b->host->order_cancel(ctx, report->order_id);
  case BT_REPORT_KIND_CANCELLED:
    return ++b->seen < (uint64_t)b->trips ? submit(b, ctx, report->price) : BT_STATUS_OK;
  default:
    return BT_STATUS_INVALID_STATE;
  }
}
