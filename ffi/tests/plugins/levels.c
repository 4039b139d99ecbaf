/* A program that checks bt_level on a picture of five bids and two asks; it returns the line that failed. */
#include <btcore.h>

#define CHECK(condition) do { if (!(condition)) return __LINE__; } while (0)

int main(void) {
  bt_event event = {.bid_price = 100, .bid_qty = 1, .ask_price = 200, .ask_qty = 10};
  bt_depth depth = {.bid_price = {99, 98, 97, 96}, .bid_qty = {2, 3, 4, 5}, .bid_levels = 5,
                    .ask_price = {201, BT_UNDEF_PRICE, BT_UNDEF_PRICE, BT_UNDEF_PRICE}, .ask_qty = {20}, .ask_levels = 2};
  bt_price_level level = {7, 7, 7};
  for (uint32_t n = 1; n <= 5; n++) {
    CHECK(bt_level(&event, &depth, BT_SIDE_BUY, n, &level) == BT_STATUS_OK);
    CHECK(level.price == 101 - (int64_t)n && level.qty == n && level.reserved == 0);
  }
  CHECK(bt_level(&event, &depth, BT_SIDE_SELL, 1, &level) == BT_STATUS_OK && level.price == 200 && level.qty == 10);
  CHECK(bt_level(&event, &depth, BT_SIDE_SELL, 2, &level) == BT_STATUS_OK && level.price == 201 && level.qty == 20);
  CHECK(bt_level(&event, &depth, BT_SIDE_SELL, 3, &level) == BT_STATUS_NOT_FOUND && level.price == 201);
  CHECK(bt_level(&event, NULL, BT_SIDE_SELL, 1, &level) == BT_STATUS_OK);
  CHECK(bt_level(&event, NULL, BT_SIDE_SELL, 2, &level) == BT_STATUS_INVALID_ARGUMENT);
  CHECK(bt_level(NULL, &depth, BT_SIDE_SELL, 1, &level) == BT_STATUS_INVALID_ARGUMENT);
  CHECK(bt_level(&event, &depth, BT_SIDE_SELL, 1, NULL) == BT_STATUS_INVALID_ARGUMENT);
  CHECK(bt_level(&event, &depth, 0, 1, &level) == BT_STATUS_INVALID_ARGUMENT);
  CHECK(bt_level(&event, &depth, BT_SIDE_BUY, 0, &level) == BT_STATUS_INVALID_ARGUMENT);
  CHECK(bt_level(&event, &depth, BT_SIDE_BUY, 6, &level) == BT_STATUS_INVALID_ARGUMENT);
  event.bid_price = BT_UNDEF_PRICE;
  CHECK(bt_level(&event, &depth, BT_SIDE_BUY, 1, &level) == BT_STATUS_NOT_FOUND);
  return 0;
}
