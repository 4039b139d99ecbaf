/* Embeds the engine: one instrument, one lane, one strategy (linked in), a handful of rows, a summary. */
#include <btcore.h>
#include <stdio.h>

int32_t bt_strategy_entry(const bt_host_api *host, bt_strategy_desc *desc_out); /* market_maker.c */

static bt_event events[6];
static bt_depth depths[6];

static void fill_rows(void) {
  for (int i = 0; i < 6; i++) {
    int64_t bid = (100 + i % 3) * BT_PRICE_SCALE;
    events[i] = (bt_event){.ts_exch_ns = (i + 1) * INT64_C(1000000000), .ts_recv_ns = BT_UNDEF_TIME, .bid_price = bid,
                           .ask_price = bid + BT_PRICE_SCALE, .bid_qty = 10, .ask_qty = 10,
                           .trade_price = BT_UNDEF_PRICE, .kind = BT_KIND_BOOK};
    for (int level = 0; level < BT_LEVELS_MAX - 1; level++)
      depths[i].bid_price[level] = depths[i].ask_price[level] = BT_UNDEF_PRICE;
    depths[i].bid_levels = depths[i].ask_levels = 1;
  }
}
static int failed(const bt_engine *engine, int32_t status) {
  const char *message = "";
  if (status == BT_STATUS_OK) return 0;
  bt_engine_last_error(engine, &status, &message);
  return fprintf(stderr, "%s: %s\n", bt_status_name(status), message);
}
int main(void) {
  bt_engine *engine = NULL;
  bt_strategy_desc desc = {.struct_size = sizeof desc, .abi_version = BT_ABI_VERSION};
  bt_engine_config config = {.struct_size = sizeof config, .abi_version = BT_ABI_VERSION, .streams = 1};
  bt_tick_step tick = {BT_PRICE_SCALE, BT_PRICE_SCALE};
  bt_instrument_config txf = {.struct_size = sizeof txf, .depth_max = 5, .symbol = "TXF", .exchange = "TAIFEX", .ticks = &tick,
                              .ticks_count = 1, .multiplier_e6 = 200000000, .limit_down = INT64_MIN, .limit_up = INT64_MAX};
  bt_lane_config lane = {.struct_size = sizeof lane, .name = "demo", .timeseries_ns = 1000000000, .submit_ns = 1000000};
  bt_param params[] = {{.name = "qty", .value_int = 2, .value_type = BT_PARAM_INT}};
  bt_lane_summary summary;
  bt_need need = {BT_NEED_ROWS, 0};
  bt_taken taken;
  uint32_t number;

  fill_rows();
  if (bt_strategy_entry(bt_host_table(), &desc) || bt_engine_create(&config, &engine)) return 1;
  int bad = failed(engine, bt_engine_add_instrument(engine, &txf)) || failed(engine, bt_engine_add_lane(engine, &lane, &number)) ||
            failed(engine, bt_engine_add_strategy(engine, number, "maker", &desc, params, 1, &number)) ||
            failed(engine, bt_engine_start(engine)) ||
            failed(engine, bt_engine_feed(engine, 0, events, 6, depths, 6, NULL, &taken)) || /* six rows fit at once */
            failed(engine, bt_engine_stream_close(engine, 0));
  while (!bad && need.kind != BT_NEED_NOTHING) {
    bad = failed(engine, bt_engine_run(engine, &need));
    if (!bad && need.kind == BT_NEED_DRAIN) bad = failed(engine, bt_engine_drain(engine, need.index, NULL));
  }
  if (!bad && !failed(engine, bt_engine_summary(engine, 0, &summary, sizeof summary)))
    printf("rows %llu orders %llu fills %llu pnl %lld\n", (unsigned long long)summary.rows_delivered,
           (unsigned long long)summary.orders, (unsigned long long)summary.fills, (long long)summary.pnl);
  return bt_engine_destroy(&engine) || bad;
}
