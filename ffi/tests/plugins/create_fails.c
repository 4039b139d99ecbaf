/* A plugin whose create refuses. */
#include <btcore.h>

static int32_t create(const bt_host_api *host, const char *params_json, void **user_out) {
  return host && params_json && user_out ? BT_STATUS_NOT_FOUND : BT_STATUS_PANIC;
}
static int32_t on_event(void *user, bt_ctx *ctx, const bt_event *event, const bt_depth *depth) {
  return user || ctx || event || depth ? BT_STATUS_OK : BT_STATUS_PANIC;
}
int32_t bt_strategy_entry(const bt_host_api *host, bt_strategy_desc *desc_out) {
  desc_out->want = BT_WANT_EVENTS;
  desc_out->create = create;
  desc_out->on_event = on_event;
  return host ? BT_STATUS_OK : BT_STATUS_INVALID_ARGUMENT;
}
