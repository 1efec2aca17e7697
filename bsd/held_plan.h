// SPDX-License-Identifier: ISC
#pragma once

// The one plan that is applied: its objects, oldest first. Destroying it takes them back, newest
// first.

#include <vector>

#include "bsd/network.h"
#include "core/plan/applied.h"

namespace vpnd::bsd {

class HeldPlan final : public plan::Held {
 public:
  // `home` points to it while it lives.
  HeldPlan(Network& network, HeldPlan** home) noexcept : network_(network), home_(home) {
    *home_ = this;
  }
  ~HeldPlan() override;

  // All or nothing. Throws Error. pre: nothing is held.
  void make(const std::vector<Object>&);
  // To another plan; what both share is not touched, what differs is changed in place. Throws
  // Error; then as much of the old plan holds as can be put back.
  void go_over(const std::vector<Object>& next);

  const std::vector<Object>& objects() const noexcept { return objects_; }
  // What is held and not there: what others did. Settings and the resolver file are theirs to
  // change. `fresh`: the device is another one, which has to be set up whatever it looks like.
  std::vector<Object> lacking(bool fresh);
  void drop_tunnel_routes() noexcept;

 private:
  void undo_back_to(std::size_t count) noexcept;
  const Object* former_of(const Object&) const noexcept;
  void put_in_place(const Object& old, const Object& fresh);
  void put_back(const std::vector<Object>& made) noexcept;
  void mend();

  Network& network_;
  HeldPlan** home_;
  std::vector<Object> objects_;
};

}  // namespace vpnd::bsd
