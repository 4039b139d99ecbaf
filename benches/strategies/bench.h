/* What the strategies of the benches share: what they count, and how they tell it once nothing is measured any more.
 * Every one asks for everything that there is to ask for, unless it defines `WANTS`. */
#include <btcore.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef WANTS
#define WANTS BT_WANT_ALL
#endif

typedef struct {
  const bt_host_api *host;
  uint64_t calls, requests, seen;
  uint64_t next, ids[2];
  int64_t every, phase, takes, trips;
  uint64_t own[8]; /* a strategy's own memory */
} bench;

static int32_t create(const bt_host_api *host, const char *params_json, void **user_out) {
  bench *b = params_json ? calloc(1, sizeof *b) : NULL;
  if (!b) return BT_STATUS_FULL;
  b->host = host;
  *user_out = b;
  return BT_STATUS_OK;
}
static int32_t on_start(void *user, bt_ctx *ctx) {
  bench *b = user;
  b->host->param_int(ctx, "every", &b->every);
  b->host->param_int(ctx, "phase", &b->phase);
  b->host->param_int(ctx, "takes", &b->takes);
  b->host->param_int(ctx, "trips", &b->trips);
  b->next = (uint64_t)(b->every + b->phase);
  return BT_STATUS_OK;
}
static int32_t on_end(void *user, bt_ctx *ctx) {
  bench *b = user;
  char line[128];
  snprintf(line, sizeof line, "bench %llu %llu %llu", (unsigned long long)b->calls, (unsigned long long)b->requests,
           (unsigned long long)b->seen);
  return b->host->log(ctx, BT_LOG_INFO, line);
}
static void destroy(void *user) { free(user); }

#ifndef ON_REPORT
static int32_t on_report(void *user, bt_ctx *ctx, const bt_report *report) {
  (void)user, (void)ctx, (void)report;
  return BT_STATUS_OK;
}
#endif
#ifndef ON_FILL
static int32_t on_fill(void *user, bt_ctx *ctx, const bt_fill *fill) {
  (void)user, (void)ctx, (void)fill;
  return BT_STATUS_OK;
}
#endif
static int32_t on_timer(void *user, bt_ctx *ctx, uint64_t timer_id) {
  (void)user, (void)ctx, (void)timer_id;
  return BT_STATUS_OK;
}
static int32_t on_event(void *user, bt_ctx *ctx, const bt_event *event, const bt_depth *depth);
#ifdef ON_REPORT
static int32_t on_report(void *user, bt_ctx *ctx, const bt_report *report);
#endif
#ifdef ON_FILL
static int32_t on_fill(void *user, bt_ctx *ctx, const bt_fill *fill);
#endif

int32_t bt_strategy_entry(const bt_host_api *host, bt_strategy_desc *out) {
  *out = (bt_strategy_desc){sizeof *out, BT_ABI_VERSION, WANTS, NULL, create, on_start, on_event, on_report, on_fill,
                            on_timer,    on_end,         NULL,        NULL, destroy, {0, 0}};
  return host ? BT_STATUS_OK : BT_STATUS_INVALID_ARGUMENT;
}
