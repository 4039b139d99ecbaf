// Buys at market when the bids outweigh the asks over five levels, and sells what it holds a while later.
// Parameters: qty (lots), enter_percent (share of the bids), hold_ns (how long to hold).
#include <btcore.hpp>
#include <vector>

class Taker final : public bt::Strategy {
 public:
  static constexpr std::uint64_t want = BT_WANT_BOOK | BT_WANT_REPORT | BT_WANT_FILL | BT_WANT_TIMER;

  std::int32_t on_start(bt::Context &ctx) override {
    qty_ = ctx.param("qty", qty_);
    enter_percent_ = ctx.param("enter_percent", enter_percent_);
    hold_ns_ = ctx.param("hold_ns", hold_ns_);
    busy_.resize(ctx.instrument_count());
    return qty_ > 0 && hold_ns_ > 0 ? BT_STATUS_OK : BT_STATUS_INVALID_ARGUMENT;
  }

  std::int32_t on_event(bt::Context &ctx, const bt_event &event, const bt_depth &depth) override {
    if (busy_[event.instrument] || event.flags & BT_FLAG_BOOK_INVALID) return BT_STATUS_OK;
    const auto bids = weight(event, depth, BT_SIDE_BUY), asks = weight(event, depth, BT_SIDE_SELL);
    if (asks == 0 || bids * 100 < enter_percent_ * (bids + asks) || ctx.position(event.instrument).qty != 0) return BT_STATUS_OK;
    return market(ctx, event.instrument, BT_SIDE_BUY, qty_);
  }

  std::int32_t on_report(bt::Context &ctx, const bt_report &report) override {  // rejected, or the rest expired
    return ended(ctx, report.instrument, report.leaves_qty);
  }
  std::int32_t on_fill(bt::Context &ctx, const bt_fill &fill) override { return ended(ctx, fill.instrument, fill.leaves_qty); }

  std::int32_t on_timer(bt::Context &ctx, std::uint64_t timer_id) override {
    const auto instrument = static_cast<std::uint32_t>(timer_id);
    const auto held = ctx.position(instrument).qty;
    return busy_[instrument] || held <= 0 ? BT_STATUS_OK : market(ctx, instrument, BT_SIDE_SELL, held);
  }

 private:
  static std::int64_t weight(const bt_event &event, const bt_depth &depth, std::uint8_t side) {
    std::int64_t qty = 0;
    bt_price_level level;
    for (std::uint32_t n = 1; bt_level(&event, &depth, side, n, &level) == BT_STATUS_OK; n++) qty += level.qty;
    return qty;
  }
  std::int32_t market(bt::Context &ctx, std::uint32_t instrument, std::uint8_t side, std::int64_t qty) {
    std::uint64_t id = 0;
    busy_[instrument] = true;
    return ctx.submit(bt_order(instrument, side, BT_ORDER_TYPE_MARKET, BT_TIF_IOC, 0, static_cast<std::uint32_t>(qty)), id);
  }
  std::int32_t ended(bt::Context &ctx, std::uint32_t instrument, std::uint32_t leaves_qty) {
    if (leaves_qty) return BT_STATUS_OK;
    busy_[instrument] = false;
    return ctx.timer(ctx.now_ns() + hold_ns_, instrument);
  }
  std::vector<bool> busy_;  // an order is on its way, one flag an instrument
  std::int64_t qty_ = 1, enter_percent_ = 70, hold_ns_ = 1000000000;
};

BT_STRATEGY(Taker);
