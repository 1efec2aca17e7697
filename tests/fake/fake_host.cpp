// SPDX-License-Identifier: ISC
#include "tests/fake/fake_host.h"

#include <algorithm>
#include <cerrno>

#include "core/host.h"

namespace vpnd::fake {
namespace {

std::vector<std::string> g_standing;
unsigned g_calls = 0, g_fail_at = 0;

}  // namespace

std::vector<std::string>& standing() {
  return g_standing;
}

bool& owns_tables() {
  static bool owns = true;
  return owns;
}

void fail_at(unsigned n) {
  g_calls = 0;
  g_fail_at = n;
}

unsigned calls() {
  return g_calls;
}

void remove(std::size_t n) {
  if (n == 0) return g_standing.clear();
  g_standing.erase(g_standing.begin() + static_cast<std::ptrdiff_t>(n));
}

std::vector<Address>& resolvers() {
  static std::vector<Address> some;
  return some;
}

std::string& way() {
  static std::string way = "eth0";
  return way;
}

// Each thing that a real host would ask its kernel for is one call.
class Thing final : public plan::Held {
 public:
  explicit Thing(std::string name) : name_(std::move(name)) {
    if (++g_calls == g_fail_at) throw Error("make " + name_, EIO, "the fake said so");
    g_standing.push_back(name_);
  }
  ~Thing() override {
    // The newest of that name: a plan that replaces another may make what that one has as well.
    const auto at = std::find(g_standing.rbegin(), g_standing.rend(), name_);
    if (at != g_standing.rend()) g_standing.erase(std::next(at).base());
  }
  const std::string& name() const { return name_; }

 private:
  std::string name_;
};

bool stands(const std::string& name) {
  return std::ranges::find(g_standing, name) != g_standing.end();
}

std::vector<std::string> things_of(const plan::Plan& plan) {
  std::vector<std::string> out;
  for (const plan::Step& step : plan.steps) {
    plan::Plan one{"", {step}};
    out.push_back(plan::print(one));
  }
  return out;
}

}  // namespace vpnd::fake

namespace vpnd::host {

struct Tunnel::State {
  explicit State(const std::string& name) : name_(name), thing("tunnel " + name) {}
  std::string name_;
  fake::Thing thing;
};

Tunnel::Tunnel(const std::string& name, int, std::uint32_t)
    : state_(std::make_unique<State>(name)) {}
Tunnel::Tunnel(Tunnel&&) noexcept = default;
Tunnel& Tunnel::operator=(Tunnel&&) noexcept = default;
Tunnel::~Tunnel() = default;
const std::string& Tunnel::name() const noexcept {
  return state_->name_;
}
int Tunnel::descriptor() const noexcept {
  return -1;
}
std::vector<int> Tunnel::descriptors() const {
  return {-1};
}
std::uint16_t Tunnel::kinds() const noexcept {
  return 0x1f;
}
bool Tunnel::alive() const noexcept {
  return fake::stands(state_->thing.name());
}

void Tunnel::remove() noexcept {}

struct Machine::State {
  std::vector<std::string> applied;
};

Machine::Machine(const Places&, int) : state_(std::make_unique<State>()) {}
Machine::Machine(Machine&&) noexcept = default;
Machine::~Machine() = default;
std::string Machine::claim(const std::string& interface) {
  return interface;
}

plan::Applied Machine::apply(const plan::Plan& plan) {
  plan::Applied out;
  for (const std::string& name : fake::things_of(plan)) {
    out.hold(std::make_unique<fake::Thing>(name));
  }
  state_->applied = fake::things_of(plan);
  return out;
}

// New things first, so that a failure leaves the old ones as they are.
void Machine::replace(plan::Applied& applied, const plan::Plan&, const plan::Plan& next) {
  plan::Applied fresh = apply(next);
  applied = std::move(fresh);
}

unsigned Machine::changes() const noexcept {
  return static_cast<unsigned>(fake::standing().size());
}

Presence Machine::check(const plan::Plan& plan) {
  Presence out;
  out.tables_owned = fake::owns_tables();
  for (const std::string& name : fake::things_of(plan)) {
    ++out.made;
    if (std::ranges::find(fake::standing(), name) != fake::standing().end()) ++out.present;
  }
  return out;
}

bool Machine::intact() {
  return std::ranges::all_of(state_->applied, fake::stands);
}

Repair Machine::repair(const std::string&) {
  Repair out;
  for (const std::string& name : state_->applied) {
    if (fake::stands(name)) continue;
    if (++fake::g_calls == fake::g_fail_at) {
      out.failure = "the fake said so";
      continue;
    }
    fake::g_standing.push_back(name);
    out.put_back.push_back(name);
  }
  return out;
}

std::string Machine::way_to(const Endpoint&, Fwmark) {
  return fake::way();
}

std::vector<std::string> Machine::sweep(const std::string&, bool) {
  return {};
}

std::vector<Address> Machine::outer_resolvers() {
  return fake::resolvers();
}

bool Machine::has_v6() {
  return true;
}

}  // namespace vpnd::host
