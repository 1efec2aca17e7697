// SPDX-License-Identifier: ISC
// The file of a running tunnel is read again: on SIGHUP, and when the control socket asks for it.

#include "core/base/log.h"
#include "core/host.h"
#include "linux/keeper_loop.h"

namespace vpnd::nl {

// Whatever is wrong with the file, the tunnel goes on as it was.
plan::Reloaded KeeperLoop::reload() {
  if (!files_.read_again) {
    return {Exit::usage, "this tunnel has no file that could be read again",
            "It was started by \"vpnd client\" or \"vpnd server\"; \"vpnd run FILE\" has one."};
  }
  if (finish_ || keeper_.stopping()) return {Exit::temporary, "the tunnel is stopping", {}};
  files_.service.reloading();
  plan::Reloaded out;
  try {
    read_file_again();
    out = plan::reloaded(change_);
    log(change_.at_restart.empty() ? Level::notice : Level::warning, "the file was read again; {}",
        out.line);
  } catch (const Error& e) {
    out = {e.code(), e.what(), e.remedy()};
    if (out.code == Exit::ok) out.code = Exit::failure;
    log(Level::error, "{}; nothing was changed", e.what());
  }
  told_ = keeper_.summary();
  files_.service.ready(told_);
  return out;
}

void KeeperLoop::perform(const plan::action::SendSettings& a) {
  tell(a.settings);
}

void KeeperLoop::read_file_again() {
  const plan::Config next = files_.read_again();
  change_ = plan::compare(files_.as_read, next);
  if (change_.in_place.empty()) return;
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
}

}  // namespace vpnd::nl
