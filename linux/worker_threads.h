// SPDX-License-Identifier: ISC
#pragma once

// The threads of a server's workers but the first. Each runs a packet loop of its own.

#include <latch>
#include <optional>
#include <thread>
#include <vector>

#include "linux/crew.h"
#include "linux/ring.h"

namespace vpnd::nl {

// All but the thread: made while the process still may.
struct WorkerParts {
  engine::Engine engine;
  std::optional<Ring> ring;  // none: epoll
};

class WorkerThreads {
 public:
  // For the workers from 1 on.
  WorkerThreads(Crew&, std::vector<WorkerParts>);
  ~WorkerThreads();  // ends them
  WorkerThreads(const WorkerThreads&) = delete;
  WorkerThreads& operator=(const WorkerThreads&) = delete;

  // Once each of them makes none but the calls of its packet loop. What the calling thread has
  // given up, they have not either. Throws Error.
  void start();

 private:
  Crew& crew_;
  std::vector<WorkerParts> parts_;
  std::latch ready_;
  std::vector<std::thread> threads_;
};

}  // namespace vpnd::nl
