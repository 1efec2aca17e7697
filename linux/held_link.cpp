// SPDX-License-Identifier: ISC
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "core/base/error.h"
#include "core/base/log.h"
#include "linux/held.h"
#include "linux/way.h"

namespace vpnd::nl {
namespace {

constexpr std::uint8_t kModeNone = 1;  // IN6_ADDR_GEN_MODE_NONE: no link-local address

class HeldLink final : public plan::Held {
 public:
  HeldLink(Sockets& s, const LinkUp& wanted)
      : sockets_(s),
        before_(need_link(s, wanted.name, fmt::format("set {} up", wanted.name))),
        mtu_(wanted.mtu) {}

  void set() {
    made_ = true;  // from here on the destructor looks at what is changed
    if (before_.gen_mode && *before_.gen_mode != kModeNone) {
      set_gen_mode(sockets_.rt, before_, kModeNone);
    }
    if (mtu_ != 0 && before_.mtu != mtu_) set_mtu(sockets_.rt, before_, mtu_);
    if (!before_.up()) set_up(sockets_.rt, before_, true);
  }

  ~HeldLink() override {
    if (!made_) return;
    try {
      const auto now = find_link(sockets_.rt, before_.index);
      if (!now || now->name != before_.name) return;  // went with its descriptor
      if (!before_.up() && now->up()) set_up(sockets_.rt, before_, false);
      if (now->mtu == mtu_ && before_.mtu != mtu_) set_mtu(sockets_.rt, before_, before_.mtu);
      const auto mode = before_.gen_mode;
      if (mode && *mode != kModeNone && now->gen_mode == kModeNone) {
        set_gen_mode(sockets_.rt, before_, *mode);
      }
    } catch (const Error& e) {
      log(Level::warning, "{}", e.what());
    }
  }

 private:
  Sockets& sockets_;
  Link before_;
  std::uint32_t mtu_;
  bool made_ = false;
};

class HeldAddress final : public plan::Held {
 public:
  HeldAddress(Sockets& s, const AddressOn& a)
      : sockets_(s),
        address_(a),
        index_(need_link(s, a.interface, fmt::format("add {}", text(a))).index) {
    const auto spared = std::ranges::find(s.spared_addresses, std::pair(address_, index_));
    if (spared == s.spared_addresses.end()) {
      nl::add(s.rt, address_, index_);
    } else {
      s.spared_addresses.erase(spared);
    }
    wait_until_it_works();
  }

  ~HeldAddress() override {
    try {
      const Answer answer = remove(sockets_.rt, address_, index_);
      if (answer.errnum == 0 || gone(answer)) return;
      log(Level::warning, "cannot remove {}: error {} {}", text(address_), answer.errnum,
          answer.text);
    } catch (const Error& e) {
      log(Level::warning, "{}", e.what());
    }
  }

 private:
  // Whoever is told that the tunnel is up may use it at once. A device that is down is not waited
  // for longer than this.
  void wait_until_it_works() {
    using namespace std::chrono_literals;
    constexpr int kTurns = 100;
    for (int i = 0; i < kTurns && !comes_here(sockets_.rt, address_.prefix.address); ++i) {
      std::this_thread::sleep_for(1ms);
    }
  }

  Sockets& sockets_;
  AddressOn address_;
  int index_;
};

}  // namespace

HeldPtr hold(Sockets& s, const LinkUp& wanted) {
  auto held = std::make_unique<HeldLink>(s, wanted);
  held->set();
  return held;
}

HeldPtr hold(Sockets& s, const AddressOn& a) {
  return std::make_unique<HeldAddress>(s, a);
}

bool is_present(Sockets& s, const LinkUp& wanted) {
  const auto link = find_link(s.rt, wanted.name);
  return link && link->up() && (wanted.mtu == 0 || link->mtu == wanted.mtu);
}

bool is_present(Sockets& s, const AddressOn& a) {
  const auto link = find_link(s.rt, a.interface);
  if (!link) return false;
  const auto all = addresses_of(s.rt, link->index);
  return std::find(all.begin(), all.end(), a.prefix) != all.end();
}

Link need_link(Sockets& s, const std::string& name, const std::string& doing) {
  auto link = find_link(s.rt, name);
  if (!link) throw Error(doing, ENODEV, fmt::format("there is no interface {}", name));
  return std::move(*link);
}

bool gone(const Answer& a) noexcept {
  return a.errnum == ESRCH || a.errnum == ENOENT || a.errnum == ENODEV ||
         a.errnum == EADDRNOTAVAIL || a.errnum == ENXIO;
}

}  // namespace vpnd::nl
