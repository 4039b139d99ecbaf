// A strategy that throws past the C border, against the rules.
#include <btcore.h>
#include <stdexcept>

static int32_t on_event(void *, bt_ctx *, const bt_event *, const bt_depth *) {
  throw std::runtime_error("nobody catches this");
}
extern "C" BT_EXPORT int32_t bt_strategy_entry(const bt_host_api *, bt_strategy_desc *desc_out) {
  desc_out->want = BT_WANT_EVENTS;
  desc_out->on_event = on_event;
  return BT_STATUS_OK;
}
