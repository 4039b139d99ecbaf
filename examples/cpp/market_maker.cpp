// Quotes one order a side at the touch of every instrument, and follows the touch when it has moved.
// Parameters: qty (lots an order), max_position (lots either way), requote_ticks (how far the touch moves first).
#include <btcore.hpp>
#include <cstdlib>
#include <vector>

class MarketMaker final : public bt::Strategy {
 public:
  static constexpr std::uint64_t want = BT_WANT_BOOK | BT_WANT_REPORT | BT_WANT_FILL;

  std::int32_t on_start(bt::Context &ctx) override {
    qty_ = ctx.param("qty", std::int64_t{1});
    max_position_ = ctx.param("max_position", std::int64_t{5});
    requote_ticks_ = ctx.param("requote_ticks", std::int64_t{1});
    quotes_.resize(2 * std::size_t{ctx.instrument_count()});
    return qty_ > 0 ? BT_STATUS_OK : BT_STATUS_INVALID_ARGUMENT;
  }

  std::int32_t on_event(bt::Context &ctx, const bt_event &event, const bt_depth &) override {
    if (event.flags & BT_FLAG_BOOK_INVALID) return BT_STATUS_OK;
    const auto held = ctx.position(event.instrument).qty;
    const auto status = follow(ctx, event.instrument, BT_SIDE_BUY, event.bid_price, held);
    return status ? status : follow(ctx, event.instrument, BT_SIDE_SELL, event.ask_price, -held);
  }

  std::int32_t on_report(bt::Context &, const bt_report &report) override {
    Quote &quote = at(report.instrument, report.side);
    if (quote.id == report.order_id) quote = {report.leaves_qty ? report.order_id : 0, report.price, false};
    return BT_STATUS_OK;
  }

  std::int32_t on_fill(bt::Context &, const bt_fill &fill) override {
    Quote &quote = at(fill.instrument, fill.side);
    if (quote.id == fill.order_id && fill.leaves_qty == 0) quote = {};
    return BT_STATUS_OK;
  }

 private:
  struct Quote { std::uint64_t id = 0; std::int64_t price = 0; bool waits = false; };  // waits: an answer is still due

  Quote &at(std::uint32_t instrument, std::uint8_t side) { return quotes_[2 * std::size_t{instrument} + side - 1]; }

  std::int32_t follow(bt::Context &ctx, std::uint32_t instrument, std::uint8_t side, std::int64_t touch, std::int64_t held) {
    Quote &quote = at(instrument, side);
    const bool is_shown = touch != BT_UNDEF_PRICE;
    if (quote.waits || (!quote.id && (!is_shown || held + qty_ > max_position_))) return BT_STATUS_OK;
    const auto step = is_shown ? requote_ticks_ * ctx.tick(instrument, touch) : 0;
    if (quote.id && is_shown && (touch == quote.price || std::llabs(touch - quote.price) < step)) return BT_STATUS_OK;
    quote.waits = true;
    if (quote.id && !is_shown) return ctx.cancel(quote.id);
    if (quote.id) return ctx.amend(quote.id, touch, static_cast<std::uint32_t>(qty_));
    return ctx.submit(bt_order(instrument, side, BT_ORDER_TYPE_LIMIT, BT_TIF_ROD, touch, static_cast<std::uint32_t>(qty_)), quote.id);
  }

  std::vector<Quote> quotes_;
  std::int64_t qty_ = 1, max_position_ = 5, requote_ticks_ = 1;
};

BT_STRATEGY(MarketMaker);
