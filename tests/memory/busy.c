/* Does something at every book, without memory of its own but what `create` took; with parameter `leaks` it takes and frees a
 * few bytes at every thousandth event as well, which the test must see. */
#include <btcore.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
  const bt_host_api *host;
  uint64_t calls, last[2], reports, fills, timers, sent[6];
  int64_t leaks;
} busy;
enum { SUBMIT, AMEND, CANCEL, TAKE, TIMER, LOG };
void *volatile leak; /* volatile, or the compiler would leave the pair of calls out */

static int32_t order(busy *b, bt_ctx *ctx, const bt_event *event, uint8_t side, int takes) {
  int is_buy = side == BT_SIDE_BUY;
  int64_t price = is_buy == !takes ? event->bid_price : event->ask_price;
  bt_order_req req = bt_order(event->instrument, side, BT_ORDER_TYPE_LIMIT, takes ? BT_TIF_IOC : BT_TIF_ROD, price, 2);
  uint64_t id;
  int32_t status = b->host->order_submit(ctx, &req, &id);
  if (!status && !takes) b->last[!is_buy] = id;
  return status;
}
static int32_t on_event(void *user, bt_ctx *ctx, const bt_event *event, const bt_depth *depth) {
  busy *b = user;
  uint64_t n = b->calls++;
  int what = SUBMIT, side = (int)(n / 8 & 1);
  int32_t status = BT_STATUS_OK;
  (void)depth;
  if (b->leaks && n % 1000 == 0) {
    leak = malloc(24);
    free(leak);
  }
  if (event->kind != BT_KIND_BOOK || !event->bid_qty || !event->ask_qty) return BT_STATUS_OK;
  switch (n % 8) { /* a slab that is full and an order that is gone are statuses, and part of the load */
  case 0: case 1:
    status = order(b, ctx, event, (uint8_t)(n % 8 ? BT_SIDE_SELL : BT_SIDE_BUY), 0);
    break;
  case 2:
    what = AMEND;
    status = b->host->order_amend(ctx, b->last[side], side ? event->ask_price : event->bid_price, 1);
    break;
  case 3: case 4:
    what = CANCEL;
    status = b->host->order_cancel(ctx, b->last[n % 8 - 3]);
    break;
  case 5:
    what = TAKE;
    status = order(b, ctx, event, side ? BT_SIDE_SELL : BT_SIDE_BUY, 1);
    break;
  case 6:
    what = TIMER;
    status = b->host->timer_set(ctx, b->host->now_ns(ctx) + 5000000, n);
    break;
  default:
    what = LOG;
    status = b->host->log(ctx, BT_LOG_DEBUG, "a line of the strategy");
  }
  b->sent[what] += status == BT_STATUS_OK;
  return BT_STATUS_OK;
}
static int32_t on_report(void *user, bt_ctx *ctx, const bt_report *report) {
  (void)ctx, (void)report;
  ((busy *)user)->reports++;
  return BT_STATUS_OK;
}
static int32_t on_fill(void *user, bt_ctx *ctx, const bt_fill *fill) {
  bt_position held;
  ((busy *)user)->fills++;
  return ((busy *)user)->host->position(ctx, fill->instrument, &held);
}
static int32_t on_timer(void *user, bt_ctx *ctx, uint64_t timer_id) {
  (void)ctx, (void)timer_id;
  ((busy *)user)->timers++;
  return BT_STATUS_OK;
}
static int32_t on_start(void *user, bt_ctx *ctx) {
  ((busy *)user)->host->param_int(ctx, "leaks", &((busy *)user)->leaks);
  return BT_STATUS_OK;
}
static int32_t on_end(void *user, bt_ctx *ctx) {
  busy *b = user;
  char line[256];
  snprintf(line, sizeof line, "did %llu %llu %llu %llu %llu %llu %llu %llu", (unsigned long long)b->sent[SUBMIT],
           (unsigned long long)b->sent[AMEND], (unsigned long long)b->sent[CANCEL], (unsigned long long)b->sent[TAKE],
           (unsigned long long)b->timers, (unsigned long long)b->sent[LOG], (unsigned long long)b->reports,
           (unsigned long long)b->fills);
  return b->host->log(ctx, BT_LOG_INFO, line);
}
static int32_t create(const bt_host_api *host, const char *params_json, void **user_out) {
  busy *b = params_json ? calloc(1, sizeof *b) : NULL;
  if (!b) return BT_STATUS_FULL;
  b->host = host;
  *user_out = b;
  return BT_STATUS_OK;
}
int32_t bt_strategy_entry(const bt_host_api *host, bt_strategy_desc *out) {
  *out = (bt_strategy_desc){sizeof *out, BT_ABI_VERSION, BT_WANT_ALL, NULL, create, on_start, on_event, on_report, on_fill,
                            on_timer,    on_end,         NULL,        NULL, free,   {0, 0}};
  return host ? BT_STATUS_OK : BT_STATUS_INVALID_ARGUMENT;
}
