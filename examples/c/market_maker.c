/* Quotes one order a side at the touch of every instrument, and follows the touch when it has moved.
 * Parameters: qty (lots an order), max_position (lots either way), requote_ticks (how far the touch moves first). */
#include <btcore.h>
#include <stdlib.h>

typedef struct { uint64_t id; int64_t price; int waits; } quote; /* waits: an answer is still due */
typedef struct { const bt_host_api *host; quote *quotes; int64_t qty, max_position, requote_ticks; } maker;

static int32_t on_start(void *user, bt_ctx *ctx) {
  maker *m = user;
  m->host->param_int(ctx, "qty", &m->qty); /* one that was not given keeps its default */
  m->host->param_int(ctx, "max_position", &m->max_position);
  m->host->param_int(ctx, "requote_ticks", &m->requote_ticks);
  m->quotes = calloc(2 * (size_t)m->host->instrument_count(ctx), sizeof *m->quotes);
  return m->quotes && m->qty > 0 && m->qty <= UINT32_MAX ? BT_STATUS_OK : BT_STATUS_INVALID_ARGUMENT;
}
static int32_t follow(maker *m, bt_ctx *ctx, uint32_t instrument, uint8_t side, int64_t touch, int64_t held) {
  quote *q = &m->quotes[2 * instrument + side - 1u];
  int64_t tick = 1;
  if (q->waits || (!q->id && (touch == BT_UNDEF_PRICE || held + m->qty > m->max_position))) return BT_STATUS_OK;
  if (q->id && touch != BT_UNDEF_PRICE) {
    m->host->instrument_tick(ctx, instrument, touch, &tick);
    if (llabs(touch - q->price) < m->requote_ticks * tick || touch == q->price) return BT_STATUS_OK;
  }
  q->waits = 1;
  if (q->id && touch == BT_UNDEF_PRICE) return m->host->order_cancel(ctx, q->id);
  if (q->id) return m->host->order_amend(ctx, q->id, touch, (uint32_t)m->qty);
  bt_order_req req = bt_order(instrument, side, BT_ORDER_TYPE_LIMIT, BT_TIF_ROD, touch, (uint32_t)m->qty);
  return m->host->order_submit(ctx, &req, &q->id);
}
static int32_t on_event(void *user, bt_ctx *ctx, const bt_event *event, const bt_depth *depth) {
  bt_position position;
  if (!depth || event->flags & BT_FLAG_BOOK_INVALID) return BT_STATUS_OK; /* levels two to five: see bt_level */
  int32_t status = ((maker *)user)->host->position(ctx, event->instrument, &position);
  if (!status) status = follow(user, ctx, event->instrument, BT_SIDE_BUY, event->bid_price, position.qty);
  return status ? status : follow(user, ctx, event->instrument, BT_SIDE_SELL, event->ask_price, -position.qty);
}
static int32_t on_report(void *user, bt_ctx *ctx, const bt_report *r) {
  quote *q = ctx ? &((maker *)user)->quotes[2 * r->instrument + r->side - 1u] : NULL;
  if (q && q->id == r->order_id) *q = (quote){r->leaves_qty ? q->id : 0, r->price, 0};
  return BT_STATUS_OK; /* anything else is about an order that is gone */
}
static int32_t on_fill(void *user, bt_ctx *ctx, const bt_fill *f) {
  quote *q = ctx ? &((maker *)user)->quotes[2 * f->instrument + f->side - 1u] : NULL;
  if (q && q->id == f->order_id && !f->leaves_qty) *q = (quote){0, 0, 0};
  return BT_STATUS_OK;
}
static int32_t create(const bt_host_api *host, const char *params_json, void **user_out) {
  maker *m = params_json ? malloc(sizeof *m) : NULL; /* on_start reads the parameters one by one */
  if (m) *(maker *)(*user_out = m) = (maker){host, NULL, 1, 5, 1};
  return m ? BT_STATUS_OK : BT_STATUS_FULL;
}
static void destroy(void *user) { free(((maker *)user)->quotes); free(user); }
int32_t bt_strategy_entry(const bt_host_api *host, bt_strategy_desc *out) {
  *out = (bt_strategy_desc){sizeof *out, BT_ABI_VERSION, BT_WANT_BOOK | BT_WANT_REPORT | BT_WANT_FILL, NULL, create,
                            on_start, on_event, on_report, on_fill, NULL, NULL, NULL, NULL, destroy, {0, 0}};
  return host ? BT_STATUS_OK : BT_STATUS_INVALID_ARGUMENT;
}
