// SPDX-License-Identifier: ISC
#include "core/engine/half_open.h"

#include <algorithm>

namespace vpnd::engine {
namespace {

SourceHash seeded(const Entropy& entropy) {
  ByteArray<8> raw{};
  entropy(raw);
  return {load_le64(raw.data())};
}

}  // namespace

HalfOpen::HalfOpen(std::size_t capacity, std::size_t per_source, const Entropy& entropy)
    : capacity_(capacity), per_source_(per_source), counts_(16, seeded(entropy)) {
  waiting_.reserve(capacity);
}

std::optional<std::uint32_t> HalfOpen::random_of(const Source& source,
                                                 const Entropy& entropy) const {
  std::vector<std::uint32_t> own;
  own.reserve(per_source_);
  for (const Waiting& w : waiting_) {
    if (w.source == source) own.push_back(w.conn);
  }
  if (own.empty()) return std::nullopt;
  return own[uniform(entropy, static_cast<std::uint32_t>(own.size()))];
}

std::optional<HalfOpen::Place> HalfOpen::place(const Source& source, const Entropy& entropy) const {
  const auto count = counts_.find(source);
  if (count != counts_.end() && count->second >= per_source_) {
    const auto victim = random_of(source, entropy);
    return victim ? std::optional(Place{victim}) : std::nullopt;
  }
  if (size() < capacity_) return Place{};
  if (waiting_.empty()) return std::nullopt;
  return Place{waiting_[uniform(entropy, static_cast<std::uint32_t>(waiting_.size()))].conn};
}

void HalfOpen::add(std::uint32_t conn, const Source& source) {
  if (conn >= where_.size()) where_.resize(conn + 1);
  where_[conn] = {source, 0, true};
  wait(where_[conn], conn);
  ++counts_[source];
}

bool HalfOpen::contains(std::uint32_t conn) const noexcept {
  return conn < where_.size() && where_[conn].known;
}

void HalfOpen::wait(Where& w, std::uint32_t conn) {
  w.index = static_cast<std::uint32_t>(waiting_.size());
  waiting_.push_back({w.source, conn});
}

void HalfOpen::leave_waiting(Where& w) {
  waiting_[w.index] = waiting_.back();
  where_[waiting_[w.index].conn].index = w.index;
  waiting_.pop_back();
}

void HalfOpen::pass(std::uint32_t conn) {
  if (!contains(conn) || where_[conn].index == kPassed) return;
  leave_waiting(where_[conn]);
  where_[conn].index = kPassed;
  ++passed_;
}

void HalfOpen::fail(std::uint32_t conn) {
  if (!contains(conn) || where_[conn].index != kPassed) return;
  --passed_;
  wait(where_[conn], conn);
}

void HalfOpen::remove(std::uint32_t conn) {
  if (!contains(conn)) return;
  Where& w = where_[conn];
  if (w.index == kPassed) {
    --passed_;
  } else {
    leave_waiting(w);
  }
  const auto count = counts_.find(w.source);
  if (--count->second == 0) counts_.erase(count);
  w.known = false;
}

}  // namespace vpnd::engine
