// SPDX-License-Identifier: ISC
// The keeper against whoever takes away what it has made, and with a network that moves.

#include <fmt/format.h>

#include <algorithm>

#include "core/plan/keeper.h"

namespace vpnd::plan {
namespace {

using namespace std::chrono_literals;

constexpr Duration kTryAgain = 1s;
constexpr std::size_t kMostWays = 8;  // of a name with many addresses

}  // namespace

Actions Keeper::look(TimePoint now, const std::string& by) {
  look_again_ = kNever;
  if (stopping_) return {};
  // At once also during a rest: a loop that watches a dead descriptor never sleeps.
  if (tunnel_ && !tunnel_->alive()) tunnel_.reset();
  if (repairs_left_.resting(now)) {
    look_again_ = repairs_left_.rest_until();
    return {};
  }
  rests_ = false;
  try {
    if (tunnel_ && machine_.intact()) return {};
  } catch (const Error& e) {
    log(Level::warning, "{}", e.what());
    look_again_ = now + kTryAgain;
    return {};
  }
  if (repairs_left_.take(now)) return repair(now, by);
  rests_ = true;
  look_again_ = repairs_left_.rest_until();
  log(Level::error,
      "what this tunnel needs was removed {} times within {} s, by {}; it is left alone for {} s. "
      "Another program manages the same rules, routes or tables: tell it to leave those of {} "
      "alone.",
      RepairBudget::kMost + 1,
      std::chrono::duration_cast<std::chrono::seconds>(RepairBudget::kWithin).count(),
      by.empty() ? "somebody" : by,
      std::chrono::duration_cast<std::chrono::seconds>(repairs_left_.rest()).count(),
      common().interface);
  return {};
}

Actions Keeper::repair(TimePoint now, const std::string& by) {
  const std::string& name = common().interface;
  const bool fresh = !tunnel_;
  host::Repair done;
  try {
    if (fresh) {
      tunnel_.emplace(name, -1, queues());
      done.put_back.push_back("the device " + name);
    }
    host::Repair rest = machine_.repair(fresh ? name : "");
    std::ranges::move(rest.put_back, std::back_inserter(done.put_back));
    done.failure = std::move(rest.failure);
  } catch (const Error& e) {
    done.failure = e.what();
  }
  if (!done.put_back.empty()) {
    ++repairs_made_;
    last_repair_ = LastRepair{done.put_back, by, 0};
    repaired_at_ = now;
    emit({.kind = EventKind::repaired,
          .level = Level::warning,
          .text = fmt::format("removed by {} and put back: {}", by.empty() ? "somebody" : by,
                              fmt::join(done.put_back, "; "))});
  }
  if (!done.failure.empty()) {
    look_again_ = now + kTryAgain;
    if (done.failure != last_repair_failure_) {
      log(Level::error, "something was removed and cannot be put back: {}", done.failure);
    }
  }
  last_repair_failure_ = done.failure;
  const bool send = fresh && tunnel_ && engine_ == EngineState::ready;
  return send ? Actions{action::SendTun{}} : Actions{};
}

Actions Keeper::networks_changed(TimePoint) {
  if (is_server() || stopping_) return {};
  try {
    if (applied_.size() > 0) machine_.replace(applied_, plan_, plan_);
  } catch (const Error& e) {
    log(Level::warning, "{}; what stays local is as it was", e.what());
  }
  const std::string before = std::exchange(ways_, ways());
  if (ways_.empty() || ways_ == before || engine_ != EngineState::ready) return {};
  log(Level::info, "another way to the server: {}", ways_);
  return {action::SendNetworkChanged{}};
}

// Empty on a server, and when there is no way at all.
std::string Keeper::ways() {
  std::string out;
  try {
    for (std::size_t i = 0; !is_server() && i < std::min(endpoints_.size(), kMostWays); ++i) {
      if (endpoints_[i].port == 0) continue;  // left out since
      const std::string way = machine_.way_to(endpoints_[i], common().fwmark);
      if (!way.empty()) out += (out.empty() ? "" : "; ") + way;
    }
  } catch (const Error& e) {
    log(Level::debug, "{}", e.what());
  }
  return out;
}

}  // namespace vpnd::plan
