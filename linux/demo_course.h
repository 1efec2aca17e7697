// SPDX-License-Identifier: ISC
#pragma once

// The demo's course: a tunnel between a real server and a real client, with traffic, a look from
// outside, an uplink that is pulled, a client that is killed, and a comparison of the kernel's
// state before and after.

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/host.h"
#include "core/plan/status.h"
#include "linux/demo_bed.h"
#include "linux/demo_child.h"
#include "linux/demo_report.h"
#include "linux/demo_sampler.h"
#include "linux/demo_state.h"
#include "linux/demo_story.h"
#include "linux/demo_watch.h"

namespace vpnd::demo {

class Course {
 public:
  explicit Course(const host::DemoOptions& options) : options_(options) {}

  // Tells about it on the standard output meanwhile. Throws Error where it cannot begin.
  Story run();

 private:
  void go_through();

  // ---- demo_course.cpp: the hosts
  host::Places places(Place) const;
  std::unique_ptr<Child> start(Place, std::span<const std::string> arguments);
  void start_client();
  void remember_states();
  void prove_that_clear_text_is_seen();
  bool bring_up();
  // How long the client took since it was started; nullopt: it does not come up.
  std::optional<std::chrono::milliseconds> wait_for_client();
  std::optional<plan::Status> status_of(Place);
  // For the page: the client's and the server's state.
  void look_at_hosts(View Host::*);
  void look_at_the_wire();
  void stop();
  void compare_states();
  void leave_up();
  void show_logs();

  // ---- demo_trials.cpp: what the tunnel goes through
  void ask();
  void carry();
  void look_for_losses();
  void pull_uplink();
  void kill_client();
  void try_to_leak();
  // Looks at the wire and at what arrives, so that neither overflows.
  void let_pass(std::chrono::milliseconds);
  // In words, how long it took until traffic came again; nullopt: it did not.
  std::optional<std::string> wait_for_traffic(microseconds since);
  // What the watch has counted, added to story_.wire; returns what was new in it.
  Seen count_the_wire();

  host::DemoOptions options_;
  Report report_;
  Bed bed_;
  Story story_;
  std::array<State, 4> before_;
  std::unique_ptr<Watch> watch_;
  std::unique_ptr<Child> target_, server_, client_;
  std::chrono::steady_clock::time_point client_start_;
  std::unique_ptr<Sampler> sampler_;
};

}  // namespace vpnd::demo
