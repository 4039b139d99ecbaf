/* Calls the host table wrongly in every way that must be a status; logs what it got, call by call. */
#include <btcore.h>
#include <stdio.h>

static const bt_host_api *api;
static bt_ctx *kept;
static int destroyed;

static void say(bt_ctx *ctx, const char *call, int32_t status) {
  char line[96];
  snprintf(line, sizeof line, "%s %s", call, (const char *[]){"OK", "INVALID_ARGUMENT", "NOT_FOUND", "FULL", "INVALID_STATE",
           "ABI_MISMATCH", "?", "?", "?", "?", "?", "BUFFER_TOO_SMALL", "?", "?"}[status]);
  api->log(ctx, BT_LOG_INFO, line);
}
static int32_t on_start(void *user, bt_ctx *ctx) {
  bt_order_req req = bt_order(0, BT_SIDE_BUY, BT_ORDER_TYPE_LIMIT, BT_TIF_ROD, 100 * BT_PRICE_SCALE, 1);
  bt_instrument_info info;
  bt_position position;
  const bt_event *event;
  const bt_depth *depth;
  uint64_t id = 99, len = 0;
  int64_t number = 99;
  double real = 99;
  char text[3];
  (void)user;
  kept = ctx;
  say(ctx, "submit-null-ctx", api->order_submit(NULL, &req, &id));
  say(ctx, "submit-null-req", api->order_submit(ctx, NULL, &id));
  say(ctx, "submit-null-out", api->order_submit(ctx, &req, NULL));
  req.struct_size = 31;
  say(ctx, "submit-size", api->order_submit(ctx, &req, &id));
  req.struct_size = sizeof req;
  req.side = 3;
  say(ctx, "submit-side", api->order_submit(ctx, &req, &id));
  req.side = BT_SIDE_BUY;
  req.order_type = 0;
  say(ctx, "submit-type", api->order_submit(ctx, &req, &id));
  req.order_type = BT_ORDER_TYPE_LIMIT;
  req.tif = 200;
  say(ctx, "submit-tif", api->order_submit(ctx, &req, &id));
  req.tif = BT_TIF_ROD;
  req.qty = 0;
  say(ctx, "submit-qty", api->order_submit(ctx, &req, &id));
  req.qty = 1;
  req.instrument = 7;
  say(ctx, "submit-instrument", api->order_submit(ctx, &req, &id));
  req.instrument = 0;
  req.post_only = 2;
  say(ctx, "submit-post-only", api->order_submit(ctx, &req, &id));
  say(ctx, id == 99 ? "untouched" : "written", 0);
  say(ctx, "amend-unknown", api->order_amend(ctx, 5, 1, 1));
  say(ctx, "cancel-unknown", api->order_cancel(ctx, 5));
  say(ctx, "timer-past", api->timer_set(ctx, 0, 1));
  say(ctx, "book-none", api->book(ctx, 0, &event, &depth));
  say(ctx, "book-unknown", api->book(ctx, 7, &event, &depth));
  say(ctx, "book-null", api->book(ctx, 0, NULL, &depth));
  say(ctx, "position-unknown", api->position(ctx, 7, &position));
  say(ctx, "position-null", api->position(ctx, 0, NULL));
  say(ctx, "info-unknown", api->instrument_info(ctx, 7, &info, sizeof info));
  say(ctx, "info-size", api->instrument_info(ctx, 0, &info, 8));
  say(ctx, "info", api->instrument_info(ctx, 0, &info, sizeof info));
  say(ctx, "symbol-short", api->instrument_symbol(ctx, 0, text, sizeof text, &len));
  say(ctx, len == 3 ? "symbol-len-3" : "symbol-len-other", 0);
  say(ctx, "tick-below", api->instrument_tick(ctx, 0, 0, &number));
  say(ctx, "param-none", api->param_int(ctx, "none", &number));
  say(ctx, number == 99 ? "default-stands" : "default-lost", 0);
  say(ctx, "param-of-text", api->param_int(ctx, "word", &number));
  say(ctx, "param-int-as-float", api->param_float(ctx, "whole", &real));
  say(ctx, real == 3 ? "real-3" : "real-other", 0);
  say(ctx, "param-null", api->param_int(ctx, NULL, &number));
  say(ctx, "log-level", api->log(ctx, 9, "x"));
  say(ctx, "log-null", api->log(ctx, 1, NULL));
  say(ctx, "submit", api->order_submit(ctx, &req, (req.post_only = 0, &id)));
  say(ctx, id == 1 ? "first-id-1" : "first-id-other", 0);
  return BT_STATUS_OK;
}
static int32_t on_event(void *user, bt_ctx *ctx, const bt_event *event, const bt_depth *depth) {
  return user || ctx != kept || !event || !depth ? BT_STATUS_PANIC : BT_STATUS_OK;
}
static int32_t on_end(void *user, bt_ctx *ctx) {
  bt_order_req req = bt_order(0, BT_SIDE_BUY, BT_ORDER_TYPE_LIMIT, BT_TIF_ROD, 100 * BT_PRICE_SCALE, 1);
  uint64_t id;
  (void)user;
  say(ctx, "submit-after-end", api->order_submit(ctx, &req, &id));
  return BT_STATUS_OK;
}
static void destroy(void *user) {
  (void)user;
  destroyed++;
}
/* For the test: what the kept handle says outside a callback, and how often destroy ran. */
BT_EXPORT int32_t bt_test_outside(void);
int32_t bt_test_outside(void) { return api->order_cancel(kept, 1); }
BT_EXPORT int32_t bt_test_destroyed(void);
int32_t bt_test_destroyed(void) { return destroyed; }

int32_t bt_strategy_entry(const bt_host_api *host, bt_strategy_desc *desc_out) {
  api = host;
  desc_out->want = BT_WANT_EVENTS;
  desc_out->on_start = on_start;
  desc_out->on_event = on_event;
  desc_out->on_end = on_end;
  desc_out->destroy = destroy;
  return BT_STATUS_OK;
}
