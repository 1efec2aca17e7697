// SPDX-License-Identifier: ISC
#include "core/engine/deadlines.h"

namespace vpnd::engine {

void Deadlines::place(std::size_t i, Entry e) noexcept {
  heap_[i] = e;
  where_[e.key] = static_cast<std::uint32_t>(i);
}

void Deadlines::sift(std::size_t i) noexcept {
  const Entry e = heap_[i];
  while (i > 0 && e.at < heap_[(i - 1) / 2].at) {
    place(i, heap_[(i - 1) / 2]);
    i = (i - 1) / 2;
  }
  for (;;) {
    std::size_t child = 2 * i + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1].at < heap_[child].at) ++child;
    if (!(heap_[child].at < e.at)) break;
    place(i, heap_[child]);
    i = child;
  }
  place(i, e);
}

void Deadlines::set(std::uint32_t key, TimePoint at) {
  if (at == kNever) return remove(key);
  if (key >= where_.size()) where_.resize(key + 1, kNowhere);
  std::size_t i = where_[key];
  if (i == kNowhere) {
    i = heap_.size();
    heap_.push_back({at, key});
  } else {
    heap_[i].at = at;
  }
  sift(i);
}

void Deadlines::remove(std::uint32_t key) noexcept {
  if (key >= where_.size() || where_[key] == kNowhere) return;
  const std::size_t i = where_[key];
  where_[key] = kNowhere;
  const Entry last = heap_.back();
  heap_.pop_back();
  if (i == heap_.size()) return;
  heap_[i] = last;
  sift(i);
}

TimePoint Deadlines::at(std::uint32_t key) const noexcept {
  if (key >= where_.size() || where_[key] == kNowhere) return kNever;
  return heap_[where_[key]].at;
}

std::optional<std::uint32_t> Deadlines::pop_due(TimePoint now) noexcept {
  if (heap_.empty() || heap_.front().at > now) return std::nullopt;
  const std::uint32_t key = heap_.front().key;
  remove(key);
  return key;
}

}  // namespace vpnd::engine
