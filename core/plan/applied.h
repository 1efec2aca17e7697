// SPDX-License-Identifier: ISC
#pragma once

// What was done to the host, newest last; destroying it takes everything back, newest first.

#include <memory>
#include <utility>
#include <vector>

namespace vpnd::plan {

class Held {
 public:
  Held() = default;
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  virtual ~Held() = default;  // takes the change back; must not throw
};

class Applied {
 public:
  Applied() = default;
  Applied(Applied&&) noexcept = default;
  Applied& operator=(Applied&& other) noexcept {
    if (this != &other) {
      revert();
      held_ = std::move(other.held_);
    }
    return *this;
  }
  ~Applied() { revert(); }

  void hold(std::unique_ptr<Held> change) { held_.push_back(std::move(change)); }
  std::size_t size() const noexcept { return held_.size(); }
  // The changes themselves, oldest first; from now on they are the caller's to take back.
  std::vector<std::unique_ptr<Held>> release() noexcept { return std::exchange(held_, {}); }
  // A vector's own destructor runs front to back; ours must not.
  void revert() noexcept {
    while (!held_.empty()) held_.pop_back();
  }

 private:
  std::vector<std::unique_ptr<Held>> held_;
};

}  // namespace vpnd::plan
