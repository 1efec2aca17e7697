// SPDX-License-Identifier: ISC
// What the keeper answers those who look: the status socket's part of its loop.
#include "core/base/log.h"
#include "crypto/random.h"
#include "linux/keeper_loop.h"

namespace vpnd::nl {
namespace {

using namespace std::chrono_literals;

constexpr Duration kReportWithin = 500ms;

}  // namespace

void KeeperLoop::serve_status(TimePoint at) {
  control_->serve(at);
  if (control_->take_confirmation()) confirm();
  if (!control_->wanted()) {
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
    answer_status();
  }
}

void KeeperLoop::answer_status() {
  try {
    plan::Status status = keeper_.status();
    if (status.congestion.empty()) status.congestion = carrier_congestion_;
    status.version = VPND_VERSION;
    status.cipher_library = std::string("libsodium ") + crypto::library_version();
    control_->answer(plan::to_json(status));
  } catch (const Error& e) {
    log(Level::warning, "{}", e.what());
    control_->answer("{}");
  }
}

}  // namespace vpnd::nl
