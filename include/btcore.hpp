// btcore.hpp: C++17 over btcore.h. Header only, thin, no ABI of its own.
//
// A plugin derives from bt::Strategy and says BT_STRATEGY(Mine): the macro emits bt_strategy_entry and catches every
// exception, which becomes BT_STATUS_EXCEPTION after its text was logged. An application holds a bt::Engine. Exceptions are
// not required: with -fno-exceptions nothing is caught, for nothing is thrown.
#ifndef BTCORE_HPP
#define BTCORE_HPP

#include "btcore.h"

#include <cstdio>
#include <exception>
#include <string>
#include <type_traits>
#include <utility>

#if defined(__cpp_exceptions)
#define BT_TRY_ try
#define BT_CATCH_(report)                                        \
  catch (const std::exception &error) {                          \
    const char *what = error.what();                             \
    report;                                                      \
    return BT_STATUS_EXCEPTION;                                  \
  }                                                              \
  catch (...) {                                                  \
    const char *what = "an exception that is no std::exception"; \
    report;                                                      \
    return BT_STATUS_EXCEPTION;                                  \
  }
#else
#define BT_TRY_
#define BT_CATCH_(report)
#endif

namespace bt {

/// What a strategy sees and does during one callback. Statuses as in bt_host_api.
class Context {
 public:
  Context(const bt_host_api *host, bt_ctx *ctx) noexcept : host_(host), ctx_(ctx) {}

  std::int64_t now_ns() const { return host_->now_ns(ctx_); }
  std::uint32_t strategy() const { return host_->strategy(ctx_); }

  /// Sends an order; on success `order_id` is its id.
  std::int32_t submit(const bt_order_req &req, std::uint64_t &order_id) {
    return host_->order_submit(ctx_, &req, &order_id);
  }
  std::int32_t amend(std::uint64_t order_id, std::int64_t price, std::uint32_t qty) {
    return host_->order_amend(ctx_, order_id, price, qty);
  }
  std::int32_t cancel(std::uint64_t order_id) { return host_->order_cancel(ctx_, order_id); }
  std::int32_t timer(std::int64_t at_ns, std::uint64_t timer_id) { return host_->timer_set(ctx_, at_ns, timer_id); }

  /// The position in an instrument; flat for an unknown one.
  bt_position position(std::uint32_t instrument) const {
    bt_position position = {};
    host_->position(ctx_, instrument, &position);
    return position;
  }
  std::uint32_t instrument_count() const { return host_->instrument_count(ctx_); }
  /// Tick size at a price, 1e-6; 0 for an unknown instrument.
  std::int64_t tick(std::uint32_t instrument, std::int64_t price) const {
    std::int64_t tick = 0;
    host_->instrument_tick(ctx_, instrument, price, &tick);
    return tick;
  }

  /// A parameter, or the default when it was not given. One of another type stays the default too, with a warning.
  std::int64_t param(const char *name, std::int64_t value) { return given(name, host_->param_int(ctx_, name, &value)), value; }
  double param(const char *name, double value) { return given(name, host_->param_float(ctx_, name, &value)), value; }

  void log(std::uint8_t level, const char *text) { host_->log(ctx_, level, text); }

  /// The whole table, for what is not wrapped here.
  const bt_host_api *host() const noexcept { return host_; }
  bt_ctx *raw() const noexcept { return ctx_; }

 private:
  void given(const char *name, std::int32_t status) {
    if (status != BT_STATUS_OK && status != BT_STATUS_NOT_FOUND)
      log(BT_LOG_WARNING, (std::string("parameter ") + name + " is of another type; the default stands").c_str());
  }
  const bt_host_api *host_;
  bt_ctx *ctx_;
};

/// Derive, override what you need, return 0 to go on. To be called for less, declare `static constexpr` BT_WANT_* bits
/// named `want` in your class.
class Strategy {
 public:
  static constexpr std::uint64_t want = BT_WANT_ALL;
  Strategy() = default;
  Strategy(const Strategy &) = delete;
  Strategy &operator=(const Strategy &) = delete;
  virtual ~Strategy() = default;
  virtual std::int32_t on_start(Context &) { return BT_STATUS_OK; }
  virtual std::int32_t on_event(Context &, const bt_event &, const bt_depth &) { return BT_STATUS_OK; }
  virtual std::int32_t on_report(Context &, const bt_report &) { return BT_STATUS_OK; }
  virtual std::int32_t on_fill(Context &, const bt_fill &) { return BT_STATUS_OK; }
  virtual std::int32_t on_timer(Context &, std::uint64_t) { return BT_STATUS_OK; }
  virtual std::int32_t on_end(Context &) { return BT_STATUS_OK; }
};

namespace detail {

template <class S>
struct Instance {
  const bt_host_api *host;
  S code;
};

template <class S, class Call>
std::int32_t guarded([[maybe_unused]] const char *callback, void *user, bt_ctx *ctx, Call call) {
  auto *self = static_cast<Instance<S> *>(user);
  Context context(self->host, ctx);
  BT_TRY_ { return call(self->code, context); }
  BT_CATCH_(context.log(BT_LOG_ERROR, (std::string("exception in ") + callback + ": " + what).c_str()))
}

// Qualified calls: the class is known here, so no virtual call stands between the host and the strategy.
template <class S>
struct Callbacks {
  static std::int32_t create(const bt_host_api *host, const char *, void **user_out) {
    BT_TRY_ {
      *user_out = new Instance<S>{host, {}};
      return BT_STATUS_OK;
    }
    BT_CATCH_(std::fprintf(stderr, "exception in the constructor of a strategy: %s\n", what))
  }
  static std::int32_t on_start(void *user, bt_ctx *ctx) {
    return guarded<S>("on_start", user, ctx, [](S &s, Context &c) { return s.S::on_start(c); });
  }
  static std::int32_t on_event(void *user, bt_ctx *ctx, const bt_event *event, const bt_depth *depth) {
    return guarded<S>("on_event", user, ctx, [=](S &s, Context &c) { return s.S::on_event(c, *event, *depth); });
  }
  static std::int32_t on_report(void *user, bt_ctx *ctx, const bt_report *report) {
    return guarded<S>("on_report", user, ctx, [=](S &s, Context &c) { return s.S::on_report(c, *report); });
  }
  static std::int32_t on_fill(void *user, bt_ctx *ctx, const bt_fill *fill) {
    return guarded<S>("on_fill", user, ctx, [=](S &s, Context &c) { return s.S::on_fill(c, *fill); });
  }
  static std::int32_t on_timer(void *user, bt_ctx *ctx, std::uint64_t timer_id) {
    return guarded<S>("on_timer", user, ctx, [=](S &s, Context &c) { return s.S::on_timer(c, timer_id); });
  }
  static std::int32_t on_end(void *user, bt_ctx *ctx) {
    return guarded<S>("on_end", user, ctx, [](S &s, Context &c) { return s.S::on_end(c); });
  }
  static void destroy(void *user) { delete static_cast<Instance<S> *>(user); }
};

}  // namespace detail

/// The descriptor of a strategy class, for bt_engine_add_strategy.
template <class S>
bt_strategy_desc describe() noexcept {
  static_assert(std::is_base_of<Strategy, S>::value, "a strategy derives from bt::Strategy");
  using C = detail::Callbacks<S>;
  bt_strategy_desc desc = {};
  desc.struct_size = sizeof desc;
  desc.abi_version = BT_ABI_VERSION;
  desc.want = S::want;
  desc.create = C::create;
  desc.on_start = C::on_start;
  desc.on_event = C::on_event;
  desc.on_report = C::on_report;
  desc.on_fill = C::on_fill;
  desc.on_timer = C::on_timer;
  desc.on_end = C::on_end;
  desc.destroy = C::destroy;
  return desc;
}

/// An owned engine; use the bt_engine_* functions on get().
class Engine {
 public:
  Engine() = default;
  Engine(Engine &&other) noexcept : engine_(std::exchange(other.engine_, nullptr)) {}
  Engine &operator=(Engine &&other) noexcept {
    std::swap(engine_, other.engine_);
    return *this;
  }
  Engine(const Engine &) = delete;
  Engine &operator=(const Engine &) = delete;
  ~Engine() { bt_engine_destroy(&engine_); }

  /// Creates the engine; what it held before is destroyed.
  std::int32_t create(const bt_engine_config &config) {
    bt_engine_destroy(&engine_);
    return bt_engine_create(&config, &engine_);
  }
  template <class S>
  std::int32_t add_strategy(std::uint32_t lane, const char *name, const bt_param *params = nullptr,
                            std::uint32_t count = 0) {
    const bt_strategy_desc desc = describe<S>();
    std::uint32_t strategy = 0;
    return bt_engine_add_strategy(engine_, lane, name, &desc, params, count, &strategy);
  }
  std::string last_error() const {
    std::int32_t status = BT_STATUS_OK;
    const char *message = "";
    bt_engine_last_error(engine_, &status, &message);
    return message;
  }
  bt_engine *get() const noexcept { return engine_; }

 private:
  bt_engine *engine_ = nullptr;
};

}  // namespace bt

/// Emits the one symbol of a plugin for a class derived from bt::Strategy.
#define BT_STRATEGY(Class)                                                                                        \
  extern "C" BT_EXPORT std::int32_t bt_strategy_entry(const bt_host_api *host, bt_strategy_desc *desc_out) {     \
    if (!host || !desc_out || host->abi_version != BT_ABI_VERSION || host->struct_size < sizeof(bt_host_api))     \
      return BT_STATUS_ABI_MISMATCH;                                                                              \
    *desc_out = ::bt::describe<Class>();                                                                          \
    return BT_STATUS_OK;                                                                                          \
  }                                                                                                               \
  static_assert(true, "takes a semicolon")

#endif
