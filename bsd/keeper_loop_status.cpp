// SPDX-License-Identifier: ISC
// The control socket's part of the keeper's loop.
#include <algorithm>
#include <sstream>

#include "bsd/clocks.h"
#include "bsd/keeper_loop.h"
#include "bsd/server_config.h"
#include "core/base/log.h"
#include "core/plan/event_json.h"
#include "crypto/random.h"

namespace vpnd::bsd {
namespace {

using namespace std::chrono_literals;

constexpr Duration kReportWithin = 500ms;

// In words of this system; there is no kill switch on any of them, whatever was asked for.
void name_what_is_here(plan::Status& s, std::uint32_t lacks) {
  using plan::Fallback;
  const auto add = [&](Fallback what, const char* text) {
    if ((lacks & static_cast<std::uint32_t>(what)) != 0) s.fallbacks.emplace_back(text);
  };
  s.driver = "kqueue";
  s.fallbacks = {"the device takes neither TCP nor UDP segments: one packet at a time"};
  add(Fallback::no_uid_drop, "the engine keeps its user: it and the keeper share one user");
  add(Fallback::no_file_ban, "files are not barred from the engine");
  add(Fallback::no_call_filter, "the engine's system calls are not limited");
  if (!s.routing.kill_switch.empty()) s.routing.kill_switch = "off";
}

}  // namespace

void KeeperLoop::open_control() {
  began_ = read_clocks().mono;
  try {
    control_.emplace(files_.run_directory, files_.control_name, files_.control_group);
    set_event_listener([this](const Event& e) { announce(e); });
  } catch (const Error& e) {
    log(Level::warning, "{}; \"vpnd status\" will not find this tunnel", e.what());
  }
}

void KeeperLoop::announce(const Event& event) {
  const std::string& tunnel = keeper_.common().name;
  const Now clocks = read_clocks();
  control_->announce(plan::event_line(event, tunnel, clocks.wall), clocks.mono,
                     [&](std::uint64_t n) { return plan::missed_line(tunnel, n, clocks.wall); });
}

void KeeperLoop::serve_control(TimePoint at) {
  if (control_) {
    control_->serve(at);
    if (control_->take(Request::confirm)) confirm();
    if (control_->take(Request::stop)) stop();
    if (control_->asked(Request::reload)) {
      control_->answer(Request::reload, plan::to_text(reload()));
    }
    if (control_->newcomers()) {
      const std::string_view state = keeper_.is_server() ? "serving" : name(keeper_.state());
      control_->greet(plan::state_line(keeper_.common().name, state, read_clocks().wall), at);
    }
  }
  if (!report_wanted()) {
    report_by_ = kNever;
    return;
  }
  if (report_by_ == kNever) {
    report_wanted_ = keeper_.reports() + 1;
    report_by_ = at + kReportWithin;
    if (keeper_.engine_ready()) tell(plan::to_engine::ReportPlease{});
  }
  // An engine that is just being replaced has nothing to say; what it said last is shown.
  if (keeper_.reports() >= report_wanted_ || at >= report_by_ || !keeper_.engine_ready()) {
    report_by_ = kNever;
    answer_status(at);
  }
}

bool KeeperLoop::report_wanted() const noexcept {
  return log_wanted_ ||
         (control_ && (control_->asked(Request::status) || control_->asked(Request::confirm)));
}

plan::Status KeeperLoop::status(TimePoint at) {
  plan::Status status = keeper_.status();
  const Now clocks = read_clocks();
  const auto ms = [](Duration d) {
    return static_cast<WallMs>(std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
  };
  if (status.congestion.empty()) status.congestion = congestion_;
  status.version = VPND_VERSION;
  status.cipher_library = std::string("libsodium ") + crypto::library_version();
  status.at = clocks.wall;
  name_what_is_here(status, keeper_.fallbacks());
  if (status.last_repair) {
    status.last_repair->at = clocks.wall - ms(clocks.mono - keeper_.repaired_at());
  }
  if (status.report.server) status.report.in_state = at - began_;
  const engine::Counters& counters = status.report.counters;
  rate_.look(at, counters.received.bytes, counters.sent.bytes);
  status.rates = rate_.rates();
  return status;
}

void KeeperLoop::answer_status(TimePoint at) {
  const bool logs = std::exchange(log_wanted_, false);
  std::string json = "{}";
  try {
    const plan::Status now = status(at);
    if (logs) log_status(now);
    json = plan::to_json(now);
  } catch (const Error& e) {
    log(Level::warning, "{}", e.what());
  }
  if (!control_) return;
  for (const Request r : {Request::status, Request::confirm}) control_->answer(r, json);
}

void KeeperLoop::log_status(const plan::Status& status) {
  std::istringstream lines(plan::print(status));
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) log(Level::notice, "{}", line);
  }
}

// ---- the file is read again: on SIGHUP, and when the control socket asks for it

plan::Reloaded KeeperLoop::reload() {
  const bool stopping = finish_ || keeper_.stopping();
  if (auto no = plan::cannot_reload(files_.read_again != nullptr, stopping)) return *no;
  return plan::reload([this] { return read_file_again(); });
}

plan::ConfigChange KeeperLoop::read_file_again() {
  const plan::Config next = files_.read_again();
  plan::ConfigChange change = plan::compare(files_.as_read, next);
  if (change.in_place.empty()) return change;
  plan::Config running = keeper_.config();
  plan::take_over(running, next);
  if (auto* server = std::get_if<plan::ServerConfig>(&running)) {
    announce_resolvers(*server);
  }
  const plan::Actions actions = keeper_.change(std::move(running));
  // What waits for a restart is told again at the next reload.
  plan::take_over(files_.as_read, next);
  set_log_level(keeper_.common().log_level);
  perform(actions);
  return change;
}

}  // namespace vpnd::bsd
