// SPDX-License-Identifier: ISC
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "core/base/error.h"
#include "core/base/log.h"
#include "linux/held.h"

namespace vpnd::nl {
namespace {

// Why the kernel has it already, for whoever has to find out.
[[noreturn]] void refuse_add(const std::string& what, Answer answer) {
  if (answer.errnum == EEXIST) {
    throw Error(fmt::format("add {}", what), EEXIST, "somebody else made it", Exit::temporary,
                "Remove it, or choose another table, mark or network.");
  }
  refuse(fmt::format("add {}", what), answer);
}

void warn_left(const std::string& what, const Answer& answer) noexcept {
  log(Level::warning, "cannot remove {}: error {} {}", what, answer.errnum, answer.text);
}

class HeldRoute final : public plan::Held {
 public:
  HeldRoute(Sockets& s, Route r)
      : sockets_(s), route_(std::move(r)), note_(s, text(route_)), index_(index()) {}

  void add(bool in_place_of_another = false) {
    Answer answer = try_add(sockets_.rt, route_, index_);
    if (answer.errnum == EEXIST && adopt()) return;
    if (answer.errnum == EEXIST && (in_place_of_another || take_place())) {
      answer = put_in_place(sockets_.rt, route_, index_);
    }
    if (answer.errnum != 0) refuse_add(text(route_), answer);
    made_ = true;
  }

  ~HeldRoute() override {
    if (!made_) return;
    try {
      const Answer answer = remove(sockets_.rt, route_, index_);
      if (answer.errnum == 0 || gone(answer)) return;
      warn_left(text(route_), answer);
    } catch (const Error& e) {
      log(Level::warning, "{}", e.what());
    }
    note_.leave();
  }

 private:
  int index() {
    if (route_.interface.empty()) return 0;
    return need_link(sockets_, route_.interface, fmt::format("add {}", text(route_))).index;
  }

  bool adopt() {
    auto& spared = sockets_.spared_routes;
    const auto at = std::find_if(spared.begin(), spared.end(),
                                 [this](const Dumped<Route>& r) { return same(r.object, route_); });
    if (at == spared.end()) return false;
    spared.erase(at);
    // The killed process has noted it as well.
    if (sockets_.journal) sockets_.journal->strike(text(route_));
    made_ = true;
    return true;
  }

  // Of one that the sweep has spared and that led elsewhere.
  bool take_place() {
    auto& spared = sockets_.spared_routes;
    const auto at = std::find_if(spared.begin(), spared.end(), [this](const Dumped<Route>& r) {
      Route there = r.object;
      there.type = route_.type;
      there.interface = route_.interface;
      there.gateway = route_.gateway;
      return same(there, route_);
    });
    if (at == spared.end()) return false;
    if (sockets_.journal) sockets_.journal->strike(text(at->object));
    spared.erase(at);
    return true;
  }

  Sockets& sockets_;
  Route route_;
  Note note_;
  int index_;
  bool made_ = false;
};

class HeldRule final : public plan::Held {
 public:
  HeldRule(Sockets& s, const Rule& r) : sockets_(s), rule_(r), note_(s, text(r)) {}

  void add() {
    const Answer answer = try_add(sockets_.rt, rule_);
    if (answer.errnum == EEXIST && adopt()) return;
    if (answer.errnum != 0) refuse_add(text(rule_), answer);
    made_ = true;
  }

  ~HeldRule() override {
    if (!made_) return;
    try {
      const Answer answer = remove(sockets_.rt, rule_);
      if (answer.errnum == 0 || gone(answer)) return;
      warn_left(text(rule_), answer);
    } catch (const Error& e) {
      log(Level::warning, "{}", e.what());
    }
    note_.leave();
  }

 private:
  bool adopt() {
    auto& spared = sockets_.spared_rules;
    const auto at = std::find_if(spared.begin(), spared.end(),
                                 [this](const Dumped<Rule>& r) { return r.object == rule_; });
    if (at == spared.end()) return false;
    spared.erase(at);
    if (sockets_.journal) sockets_.journal->strike(text(rule_));
    made_ = true;
    return true;
  }

  Sockets& sockets_;
  Rule rule_;
  Note note_;
  bool made_ = false;
};

}  // namespace

HeldPtr hold(Sockets& s, const Route& r) {
  auto held = std::make_unique<HeldRoute>(s, r);
  held->add();
  return held;
}

void remake(Sockets& s, const Route& r, HeldPtr& held) {
  held.reset();
  auto anew = std::make_unique<HeldRoute>(s, r);
  anew->add(true);
  held = std::move(anew);
}

HeldPtr hold(Sockets& s, const Rule& r) {
  auto held = std::make_unique<HeldRule>(s, r);
  held->add();
  return held;
}

bool is_present(Sockets& s, const Route& r) {
  const auto wanted = [&r](const Dumped<Route>& one) {
    return one.object.to.masked() == r.to.masked();
  };
  const auto all = routes(s.rt, r.to.address.family(), r.table, kRouteProtocol, wanted);
  return std::any_of(all.begin(), all.end(),
                     [&r](const Dumped<Route>& one) { return same(one.object, r); });
}

bool is_present(Sockets& s, const Rule& r) {
  const auto all = rules(s.rt, r.family);
  return std::any_of(all.begin(), all.end(), [&r](const Dumped<Rule>& one) {
    return one.protocol == kRouteProtocol && one.object == r;
  });
}

}  // namespace vpnd::nl
