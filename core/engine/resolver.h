// SPDX-License-Identifier: ISC
#pragma once

// One look-up of one name at up to three resolvers: who is asked when, and what comes out of it.
// Sans-IO like the rest of the engine; sockets are had through effects.

#include <array>
#include <span>
#include <vector>

#include "core/base/entropy.h"
#include "core/engine/effects.h"
#include "core/wire/look_up.h"

namespace vpnd::engine {

inline constexpr std::uint32_t kMostResolvers = 3;

class Resolver {
 public:
  enum class State : std::uint8_t {
    idle,
    asking,
    found,
    no_such_name,  // or a name without addresses
    failed,        // nobody answered, or nobody knew
  };

  // `effects` and `entropy` must outlive it. Without `v6` IPv6 addresses are not asked for.
  Resolver(wire::DnsName, bool v6, const Entropy&, std::vector<Effect>& effects);

  void begin(TimePoint now);
  void stop();  // idle; what is open is closed

  // False: that socket is not wanted any more.
  bool opened(std::uint32_t round, std::uint32_t resolver, bool given, TimePoint now);
  void answered(std::uint32_t resolver, Bytes message, TimePoint now);
  void failed(std::uint32_t resolver, TimePoint now);
  void wake(TimePoint now);
  TimePoint next_wake() const noexcept;

  State state() const noexcept { return state_; }
  std::span<const Address> found() const noexcept { return found_; }  // IPv4 first

 private:
  static constexpr std::size_t kTypes = 2;  // A and AAAA
  struct Asked {
    enum class Stage : std::uint8_t { not_yet, opening, open, failed } stage = Stage::not_yet;
    std::array<std::uint16_t, kTypes> ids{};
    std::array<bool, kTypes> refused{};
    unsigned sent = 0;
    TimePoint again = kNever;  // ask again, and the next one as well
  };

  void ask_next(TimePoint now);
  void send(std::uint32_t resolver, TimePoint now);
  void take(const wire::Answer&, std::size_t type, Asked&);
  bool settled() const noexcept;
  void finish(State);
  void look(TimePoint now);  // is it over?

  wire::DnsName name_;
  bool v6_;
  const Entropy& entropy_;
  std::vector<Effect>& effects_;

  State state_ = State::idle;
  std::uint32_t round_ = 0;
  std::array<Asked, kMostResolvers> asked_;
  std::uint32_t next_ = 0;  // who was not asked yet
  std::array<bool, kTypes> done_{};
  bool no_such_name_ = false;
  std::vector<Address> found_;
  TimePoint until_ = kNever, settle_by_ = kNever;
};

}  // namespace vpnd::engine
