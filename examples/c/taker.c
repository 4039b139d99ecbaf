/* Buys at market when the bids outweigh the asks over five levels, and sells what it holds a while later.
 * Parameters: qty (lots), enter_percent (share of the bids), hold_ns (how long to hold). */
#include <btcore.h>
#include <stdlib.h>

typedef struct { const bt_host_api *host; char *busy; int64_t qty, enter_percent, hold_ns; } taker;

static int32_t on_start(void *user, bt_ctx *ctx) {
  taker *t = user;
  t->host->param_int(ctx, "qty", &t->qty); /* one that was not given keeps its default */
  t->host->param_int(ctx, "enter_percent", &t->enter_percent);
  t->host->param_int(ctx, "hold_ns", &t->hold_ns);
  t->busy = calloc(t->host->instrument_count(ctx), 1); /* an order is on its way, one flag an instrument */
  return t->busy && t->qty > 0 && t->hold_ns > 0 ? BT_STATUS_OK : BT_STATUS_INVALID_ARGUMENT;
}
static int32_t market(taker *t, bt_ctx *ctx, uint32_t instrument, uint8_t side, int64_t qty) {
  uint64_t id;
  bt_order_req req = bt_order(instrument, side, BT_ORDER_TYPE_MARKET, BT_TIF_IOC, 0, (uint32_t)qty);
  t->busy[instrument] = 1;
  return t->host->order_submit(ctx, &req, &id);
}
static int32_t on_event(void *user, bt_ctx *ctx, const bt_event *event, const bt_depth *depth) {
  taker *t = user;
  uint64_t bids = 0, asks = 0;
  bt_price_level level; bt_position held;
  if (t->busy[event->instrument] || event->flags & BT_FLAG_BOOK_INVALID) return BT_STATUS_OK;
  for (uint32_t n = 1; bt_level(event, depth, BT_SIDE_BUY, n, &level) == BT_STATUS_OK; n++) bids += level.qty;
  for (uint32_t n = 1; bt_level(event, depth, BT_SIDE_SELL, n, &level) == BT_STATUS_OK; n++) asks += level.qty;
  if (!asks || bids * 100 < (uint64_t)t->enter_percent * (bids + asks)) return BT_STATUS_OK;
  int32_t status = t->host->position(ctx, event->instrument, &held);
  return status || held.qty ? status : market(t, ctx, event->instrument, BT_SIDE_BUY, t->qty);
}
static int32_t ended(taker *t, bt_ctx *ctx, uint32_t instrument, uint32_t leaves_qty) {
  if (leaves_qty) return BT_STATUS_OK;
  t->busy[instrument] = 0;
  return t->host->timer_set(ctx, t->host->now_ns(ctx) + t->hold_ns, instrument);
}
static int32_t on_report(void *user, bt_ctx *ctx, const bt_report *r) { /* rejected, or the rest expired */
  return ended(user, ctx, r->instrument, r->leaves_qty);
}
static int32_t on_fill(void *user, bt_ctx *ctx, const bt_fill *f) { return ended(user, ctx, f->instrument, f->leaves_qty); }
static int32_t on_timer(void *user, bt_ctx *ctx, uint64_t instrument) {
  taker *t = user; bt_position held;
  int32_t status = t->host->position(ctx, (uint32_t)instrument, &held);
  return status || t->busy[instrument] || held.qty <= 0 ? status : market(t, ctx, (uint32_t)instrument, BT_SIDE_SELL, held.qty);
}
static int32_t create(const bt_host_api *host, const char *params_json, void **user_out) {
  taker *t = params_json ? malloc(sizeof *t) : NULL; /* on_start reads the parameters one by one */
  if (t) *(taker *)(*user_out = t) = (taker){host, NULL, 1, 70, 1000000000};
  return t ? BT_STATUS_OK : BT_STATUS_FULL;
}
static void destroy(void *user) { free(((taker *)user)->busy); free(user); }
int32_t bt_strategy_entry(const bt_host_api *host, bt_strategy_desc *out) {
  *out = (bt_strategy_desc){sizeof *out, BT_ABI_VERSION, BT_WANT_BOOK | BT_WANT_REPORT | BT_WANT_FILL | BT_WANT_TIMER, NULL,
                            create, on_start, on_event, on_report, on_fill, on_timer, NULL, NULL, NULL, destroy, {0, 0}};
  return host ? BT_STATUS_OK : BT_STATUS_INVALID_ARGUMENT;
}
