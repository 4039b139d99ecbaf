/* A strategy that stops the run with a number of its own. */
#include <btcore.h>

static int32_t on_event(void *user, bt_ctx *ctx, const bt_event *event, const bt_depth *depth) {
  return user || !ctx || !event || !depth ? BT_STATUS_PANIC : 7;
}
int32_t bt_strategy_entry(const bt_host_api *host, bt_strategy_desc *desc_out) {
  desc_out->want = BT_WANT_EVENTS;
  desc_out->on_event = on_event;
  return host ? BT_STATUS_OK : BT_STATUS_INVALID_ARGUMENT;
}
