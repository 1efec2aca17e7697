// SPDX-License-Identifier: ISC
// What the keeper answers those who look: the status socket's part of its loop.
#include <algorithm>

#include "core/base/log.h"
#include "core/plan/event_json.h"
#include "core/plan/metrics.h"
#include "crypto/random.h"
#include "linux/driver.h"
#include "linux/keeper_loop.h"

namespace vpnd::nl {
namespace {

using namespace std::chrono_literals;

constexpr Duration kReportWithin = 500ms;

}  // namespace

void KeeperLoop::open_outlets() {
  const plan::Common& common = keeper_.common();
  began_ = read_clocks().mono;
  try {
    control_.emplace(files_.run_directory, common.interface, files_.control_group);
  } catch (const Error& e) {
    log(Level::warning, "{}; \"vpnd status\" will not find this tunnel", e.what());
  }
  if (control_) set_event_listener([this](const Event& e) { announce(e); });
  if (!common.metrics_textfile.empty()) metrics_file_.emplace(common.metrics_textfile);
  if (common.metrics_socket.empty()) return;
  try {
    metrics_socket_.emplace(common.metrics_socket, files_.control_group);
  } catch (const Error& e) {
    log(Level::warning, "{}; there are no metrics", e.what());
  }
}

void KeeperLoop::announce(const Event& event) {
  const std::string& tunnel = keeper_.common().name;
  const Now clocks = read_clocks();
  control_->announce(plan::event_line(event, tunnel, clocks.wall), clocks.mono,
                     [&](std::uint64_t n) { return plan::missed_line(tunnel, n, clocks.wall); });
}

void KeeperLoop::watch_outlets(std::vector<pollfd>& fds) const {
  if (control_) control_->watch(fds);
  if (metrics_socket_) metrics_socket_->watch(fds);
}

TimePoint KeeperLoop::outlets_due() const noexcept {
  TimePoint next = kNever;
  if (control_) next = std::min(next, control_->next_deadline());
  if (metrics_socket_) next = std::min(next, metrics_socket_->next_deadline());
  // While a report is under way its deadline counts.
  if (metrics_file_ && report_by_ == kNever) next = std::min(next, metrics_file_->due());
  return next;
}

bool KeeperLoop::report_wanted(TimePoint at) const noexcept {
  return log_wanted_ || (control_ && control_->wanted()) ||
         (metrics_socket_ && metrics_socket_->wanted()) ||
         (metrics_file_ && at >= metrics_file_->due());
}

void KeeperLoop::serve_status(TimePoint at) {
  if (control_) {
    control_->serve(at);
    if (control_->take_confirmation()) confirm();
    if (control_->wants_reload()) control_->answer_reload(plan::to_text(reload()));
    if (control_->newcomers()) {
      const std::string_view state = keeper_.is_server() ? "serving" : name(keeper_.state());
      control_->greet(plan::state_line(keeper_.common().name, state, read_clocks().wall), at);
    }
  }
  if (metrics_socket_) metrics_socket_->serve(at);
  if (!report_wanted(at)) {
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

plan::Status KeeperLoop::status(TimePoint at) {
  plan::Status status = keeper_.status();
  const Now clocks = read_clocks();
  const auto ms = [](Duration d) {
    return static_cast<WallMs>(std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
  };
  if (status.congestion.empty()) status.congestion = carrier_congestion_;
  status.version = VPND_VERSION;
  status.cipher_library = std::string("libsodium ") + crypto::library_version();
  status.at = clocks.wall;
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
  try {
    const plan::Status now = status(at);
    if (logs) log_status(now);
    if (control_ && control_->wanted()) control_->answer(plan::to_json(now));
    const bool file_due = metrics_file_ && at >= metrics_file_->due();
    if (!file_due && !(metrics_socket_ && metrics_socket_->wanted())) return;
    const std::string metrics = plan::metrics_text({&now, 1});
    if (metrics_socket_) metrics_socket_->answer(metrics);
    if (file_due) metrics_file_->write(metrics, at);
  } catch (const Error& e) {
    log(Level::warning, "{}", e.what());
    if (control_) control_->answer("{}");
    if (metrics_socket_) metrics_socket_->answer({});
    if (metrics_file_) metrics_file_->postpone(at);
  }
}

}  // namespace vpnd::nl
