// SPDX-License-Identifier: ISC
#include "linux/engine_log.h"

namespace vpnd::nl {
namespace {

// A log sink is a plain function.
thread_local KeeperLink* t_link = nullptr;
thread_local Crew* t_crew = nullptr;
thread_local std::uint32_t t_worker = 0;

}  // namespace

void log_of_engine(Level level, std::string_view line) {
  if (t_link != nullptr) t_link->send(plan::to_keeper::LogLine{level, std::string(line)});
  if (t_crew != nullptr) t_crew->post(t_worker, 0, letter::Line{level, std::string(line)});
}

void tell_of_engine(const Event& event) {
  if (t_link != nullptr) t_link->send(plan::to_keeper::Happened{event});
  if (t_crew != nullptr) t_crew->post(t_worker, 0, letter::Happened{event});
}

void log_to(KeeperLink* link) noexcept {
  t_link = link;
}

void log_to(Crew& crew, std::uint32_t worker) noexcept {
  t_crew = &crew;
  t_worker = worker;
}

}  // namespace vpnd::nl
