/* Is called for every event and does nothing but count. */
#include "bench.h"

static int32_t on_event(void *user, bt_ctx *ctx, const bt_event *event, const bt_depth *depth) {
  (void)ctx, (void)event, (void)depth;
  ((bench *)user)->calls++;
  return BT_STATUS_OK;
}
