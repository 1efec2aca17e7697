// SPDX-License-Identifier: ISC
#include "linux/worker_threads.h"

#include <system_error>

#include "core/base/error.h"
#include "linux/engine_log.h"
#include "linux/run_epoll.h"
#include "linux/run_uring.h"

namespace vpnd::nl {
namespace {

void run(Crew& crew, std::uint32_t worker, WorkerParts& parts) {
  Driver driver(parts.engine, nullptr, crew, worker, {});
  if (parts.ring) return run_uring(*parts.ring, driver);
  run_epoll(driver);
}

void thread_main(Crew& crew, std::uint32_t worker, WorkerParts& parts, std::latch& ready) noexcept {
  log_to(crew, worker);
  if (parts.ring && !parts.ring->enable()) parts.ring.reset();
  ready.count_down();
  letter::Ended ended;
  try {
    run(crew, worker, parts);
  } catch (const std::exception& e) {
    ended.failure = e.what();
  }
  crew.post(worker, 0, std::move(ended));
}

}  // namespace

WorkerThreads::WorkerThreads(Crew& crew, std::vector<WorkerParts> parts)
    : crew_(crew), parts_(std::move(parts)), ready_(static_cast<std::ptrdiff_t>(parts_.size())) {}

WorkerThreads::~WorkerThreads() {
  for (std::uint32_t i = 0; i < threads_.size(); ++i) crew_.post(0, i + 1, letter::Quit{});
  for (std::thread& thread : threads_) thread.join();
}

void WorkerThreads::start() {
  try {
    for (WorkerParts& parts : parts_) {
      const auto worker = static_cast<std::uint32_t>(threads_.size() + 1);
      threads_.emplace_back(thread_main, std::ref(crew_), worker, std::ref(parts),
                            std::ref(ready_));
    }
  } catch (const std::system_error& e) {
    throw Error("start a thread", e.code().value(), {}, Exit::os,
                "\"interface.queues = 1\" makes do without.");
  }
  ready_.wait();
}

}  // namespace vpnd::nl
