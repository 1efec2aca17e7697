// SPDX-License-Identifier: ISC
#include "bsd/held_plan.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/log.h"

namespace vpnd::bsd {
namespace {

bool among(const std::vector<Object>& all, const Object& object) noexcept {
  return std::ranges::find(all, object) != all.end();
}

bool any_same(const std::vector<Object>& all, const Object& object) noexcept {
  return std::ranges::any_of(all, [&object](const Object& o) { return same_thing(o, object); });
}

bool watched(const Object& object) noexcept {
  return !std::holds_alternative<Forwarding>(object) &&
         !std::holds_alternative<plan::Resolver>(object);
}

}  // namespace

HeldPlan::~HeldPlan() {
  undo_back_to(0);
  *home_ = nullptr;
}

void HeldPlan::undo_back_to(std::size_t count) noexcept {
  while (objects_.size() > count) {
    network_.undo(objects_.back());
    objects_.pop_back();
  }
}

void HeldPlan::make(const std::vector<Object>& objects) {
  try {
    for (const Object& object : objects) {
      network_.make(object);
      objects_.push_back(object);
    }
  } catch (...) {
    undo_back_to(0);
    throw;
  }
}

const Object* HeldPlan::former_of(const Object& object) const noexcept {
  const auto at =
      std::ranges::find_if(objects_, [&object](const Object& o) { return same_thing(o, object); });
  return at == objects_.end() ? nullptr : &*at;
}

// Both ends of a tunnel are one thing to a kernel: the old pair goes before the new one comes.
void HeldPlan::put_in_place(const Object& old, const Object& fresh) {
  if (std::holds_alternative<AddressOn>(old)) network_.undo(old);
  network_.make(fresh);
}

void HeldPlan::put_back(const std::vector<Object>& made) noexcept {
  for (auto fresh = made.rbegin(); fresh != made.rend(); ++fresh) {
    const Object* const old = former_of(*fresh);
    try {
      if (old != nullptr) {
        put_in_place(*fresh, *old);
      } else {
        network_.undo(*fresh);
      }
    } catch (const Error& e) {
      log(Level::warning, "{}", e.what());
    }
  }
  mend();
}

void HeldPlan::go_over(const std::vector<Object>& next) {
  std::vector<Object> made;
  try {
    for (const Object& object : next) {
      if (among(objects_, object)) continue;
      made.push_back(object);
      const Object* const old = former_of(object);
      if (old != nullptr) {
        put_in_place(*old, object);
      } else {
        network_.make(object);
      }
    }
  } catch (...) {
    put_back(made);
    throw;
  }
  for (auto old = objects_.rbegin(); old != objects_.rend(); ++old) {
    if (!among(next, *old) && !any_same(next, *old)) network_.undo(*old);
  }
  objects_ = next;
  mend();
}

std::vector<Object> HeldPlan::lacking(bool fresh) {
  std::vector<Object> out;
  for (const Object& object : objects_) {
    const bool anew = fresh && std::holds_alternative<LinkUp>(object);
    if (anew || (watched(object) && !network_.present(object))) out.push_back(object);
  }
  return out;
}

void HeldPlan::drop_tunnel_routes() noexcept {
  for (auto object = objects_.rbegin(); object != objects_.rend(); ++object) {
    const auto* route = std::get_if<Route>(&*object);
    if (route != nullptr && route->kind == Route::Kind::tunnel) network_.undo(*object);
  }
}

// Routes that a kernel has removed with an address or a link.
void HeldPlan::mend() {
  for (const Object& object : objects_) {
    if (!std::holds_alternative<Route>(object)) continue;
    try {
      if (!network_.present(object)) network_.make(object);
    } catch (const Error& e) {
      log(Level::warning, "{}", e.what());
    }
  }
}

}  // namespace vpnd::bsd
