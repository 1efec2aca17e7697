// SPDX-License-Identifier: ISC
// A wall before there is a tunnel.
#include "core/base/error.h"
#include "core/host.h"

namespace vpnd::host {

std::string lock(const plan::ClientConfig& config, const Places& places) {
  if (config.interface.empty()) {
    throw config_error(config.name + ": the kill switch \"always\" needs a fixed interface",
                       "Give it a name of its own: [interface] name = \"vpn0\"");
  }
  Machine machine(places);
  (void)machine.claim(config.interface);
  // Destroyed, it takes back nothing: what it holds is made to stay.
  (void)machine.apply(plan::plan_client(config, {}, nullptr, plan::Posture::stopped));
  return config.interface;
}

}  // namespace vpnd::host
