// SPDX-License-Identifier: ISC
#include "linux/crew.h"

#include <sys/eventfd.h>
#include <sys/uio.h>

#include <cerrno>

#include "core/base/error.h"

namespace vpnd::nl {

Crew::Crew(std::uint32_t workers) : size_(workers), bells_(workers > 1 ? workers : 0) {
  pairs_.resize(std::size_t{workers} * workers);
  for (std::uint32_t from = 0; from < workers; ++from) {
    for (std::uint32_t to = 0; to < workers; ++to) {
      if (from != to) pairs_[from * workers + to] = std::make_unique<Pair>(workers);
    }
  }
  for (Bell& bell : bells_) {
    bell.fd = Fd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!bell.fd) throw Error("create an eventfd", errno, {}, Exit::os);
  }
}

engine::Workers Crew::as_seen_by(std::uint32_t worker) noexcept {
  engine::Workers out{size_, worker, {}, {}};
  for (std::uint32_t i = 0; i < size_; ++i) {
    out.to.push_back(i == worker ? nullptr : &pair(worker, i).packets);
    out.from.push_back(i == worker ? nullptr : &pair(i, worker).packets);
  }
  return out;
}

int Crew::bell(std::uint32_t worker) const noexcept {
  return bells_.empty() ? -1 : bells_[worker].fd.get();
}

void Crew::post(std::uint32_t from, std::uint32_t to, Letter letter) {
  pair(from, to).letters.push(std::move(letter));
  ring(to);
}

// With the vector calls, since a confined engine has no others.
void Crew::ring(std::uint32_t to) noexcept {
  Bell& bell = bells_[to];
  if (bell.rung.exchange(true, std::memory_order_acq_rel)) return;
  std::uint64_t one = 1;
  const iovec iov{&one, sizeof one};
  // It fails only when the count is at its end, and then it rings already.
  [[maybe_unused]] const auto n = writev(bell.fd.get(), &iov, 1);
}

void Crew::answer(std::uint32_t to) noexcept {
  Bell& bell = bells_[to];
  std::uint64_t count = 0;
  const iovec iov{&count, sizeof count};
  [[maybe_unused]] const auto n = readv(bell.fd.get(), &iov, 1);
  // Whoever rings from here on is heard; what was posted before is seen after this.
  bell.rung.exchange(false, std::memory_order_acq_rel);
}

std::optional<Letter> Crew::next_letter(std::uint32_t to) {
  for (std::uint32_t from = 0; from < size_; ++from) {
    if (from == to) continue;
    if (auto letter = pair(from, to).letters.pop()) return letter;
  }
  return std::nullopt;
}

}  // namespace vpnd::nl
