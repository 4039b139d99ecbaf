// A strategy that throws; btcore.hpp catches it.
#include <btcore.hpp>
#include <stdexcept>

class Thrower final : public bt::Strategy {
 public:
  std::int32_t on_event(bt::Context &, const bt_event &, const bt_depth &) override {
    throw std::runtime_error("the third wheel came off");
  }
};

BT_STRATEGY(Thrower);
