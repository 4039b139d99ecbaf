/* A plugin compiled for another ABI version, of another size. */
#include <btcore.h>

int32_t bt_strategy_entry(const bt_host_api *host, bt_strategy_desc *desc_out) {
  desc_out->struct_size = 12;
  desc_out->abi_version = host->abi_version + 1;
  return BT_STATUS_OK;
}
