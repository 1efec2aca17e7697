// SPDX-License-Identifier: ISC
// The file of a running tunnel is read again: on SIGHUP, and when the control socket asks for it.

#include "core/base/log.h"
#include "core/host.h"
#include "linux/keeper_loop.h"

namespace vpnd::nl {

plan::Reloaded KeeperLoop::reload() {
  const bool stopping = finish_ || keeper_.stopping();
  if (auto no = plan::cannot_reload(files_.read_again != nullptr, stopping)) return *no;
  files_.service.reloading();
  const plan::Reloaded out = plan::reload([this] { return read_file_again(); });
  told_ = keeper_.summary();
  files_.service.ready(told_);
  return out;
}

void KeeperLoop::perform(const plan::action::SendSettings& a) {
  tell(a.settings);
}

plan::ConfigChange KeeperLoop::read_file_again() {
  const plan::Config next = files_.read_again();
  plan::ConfigChange change = plan::compare(files_.as_read, next);
  if (change.in_place.empty()) return change;
  plan::Config running = keeper_.config();
  plan::take_over(running, next);
  if (auto* server = std::get_if<plan::ServerConfig>(&running)) {
    const bool asks = server->push_dns.empty() && server->dns_forward;
    if (asks && !server->upstream_v4 && !server->upstream_v6) {
      plan::use_resolvers(*server, host::resolvers());
    }
  }
  const plan::Actions actions = keeper_.change(std::move(running));
  // What waits for a restart is told again at the next reload.
  plan::take_over(files_.as_read, next);
  set_log_level(keeper_.common().log_level);
  perform(actions);
  return change;
}

}  // namespace vpnd::nl
