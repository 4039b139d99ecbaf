/* Holds one lot all day, on a side drawn anew each day by (seed, day): all that it earns is luck. A sweep over `seed` shows
 * what the best of many strategies looks like that are worth nothing. Parameter: seed. */
#include <btcore.h>
#include <stdlib.h>

typedef struct { const bt_host_api *host; int64_t seed, day; } noise;

static uint64_t mix(uint64_t word) { /* SplitMix64 */
  word += 0x9E3779B97F4A7C15u;
  word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9u;
  word = (word ^ (word >> 27)) * 0x94D049BB133111EBu;
  return word ^ (word >> 31);
}
static int32_t on_start(void *user, bt_ctx *ctx) {
  ((noise *)user)->host->param_int(ctx, "seed", &((noise *)user)->seed); /* one that was not given keeps its default */
  return BT_STATUS_OK;
}
static int32_t on_event(void *user, bt_ctx *ctx, const bt_event *event, const bt_depth *depth) {
  noise *n = user;
  int64_t day = event->ts_exch_ns / 86400000000000; /* of UTC */
  bt_position held;
  uint64_t id;
  if (!depth || event->flags & BT_FLAG_BOOK_INVALID || day == n->day) return BT_STATUS_OK;
  int32_t status = n->host->position(ctx, event->instrument, &held);
  if (status) return status;
  n->day = day;
  int64_t wanted = mix(mix((uint64_t)n->seed) ^ (uint64_t)day) & 1 ? 1 : -1, change = wanted - held.qty;
  if (!change) return BT_STATUS_OK;
  bt_order_req req = bt_order(event->instrument, change > 0 ? BT_SIDE_BUY : BT_SIDE_SELL, BT_ORDER_TYPE_MARKET,
                              BT_TIF_IOC, 0, (uint32_t)llabs(change));
  return n->host->order_submit(ctx, &req, &id);
}
static int32_t create(const bt_host_api *host, const char *params_json, void **user_out) {
  noise *n = params_json ? malloc(sizeof *n) : NULL;
  if (n) *(noise *)(*user_out = n) = (noise){host, 0, 0};
  return n ? BT_STATUS_OK : BT_STATUS_FULL;
}
int32_t bt_strategy_entry(const bt_host_api *host, bt_strategy_desc *out) {
  *out = (bt_strategy_desc){.struct_size = sizeof *out, .abi_version = BT_ABI_VERSION, .want = BT_WANT_BOOK,
                            .create = create, .on_start = on_start, .on_event = on_event, .destroy = free};
  return host ? BT_STATUS_OK : BT_STATUS_INVALID_ARGUMENT;
}
