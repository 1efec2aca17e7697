// SPDX-License-Identifier: ISC
#pragma once

// rtnetlink requests and their answers (RFC 3549, linux/netlink.h, linux/rtnetlink.h), by libmnl.
// Integers in attributes are in host order, addresses in network order.

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"

struct nlattr;
struct nlmsghdr;
struct mnl_socket;

namespace vpnd::nl {

// One request under construction. Pre: all of it fits in 1 KiB, which holds for everything that is
// made of names, numbers and addresses.
class Message {
 public:
  explicit Message(std::uint16_t type, std::uint16_t flags = 0);

  nlmsghdr* header() noexcept;
  // The fixed part that follows the header (rtmsg, ifinfomsg, ...), zeroed. Once, before
  // attributes.
  template<typename T>
  T& fixed() {
    return *static_cast<T*>(reserve(sizeof(T)));
  }
  Message& put8(std::uint16_t attribute, std::uint8_t);
  Message& put16(std::uint16_t attribute, std::uint16_t);
  Message& put32(std::uint16_t attribute, std::uint32_t);
  Message& put(std::uint16_t attribute, Bytes);
  Message& put(std::uint16_t attribute, std::string_view);  // with its terminating zero
  nlattr* nest(std::uint16_t attribute);
  void end(nlattr*);

 private:
  void* reserve(std::size_t);

  alignas(8) std::array<std::uint8_t, 1024> buffer_{};
};

// The attributes of an answer, by number; views into the message. Later ones of a number win.
class Attributes {
 public:
  Attributes() = default;
  Attributes(const nlmsghdr*, std::size_t fixed_size);

  bool has(std::uint16_t) const noexcept;
  std::uint32_t u32(std::uint16_t, std::uint32_t otherwise = 0) const noexcept;
  std::uint8_t u8(std::uint16_t, std::uint8_t otherwise = 0) const noexcept;
  std::string text(std::uint16_t) const;
  Bytes bytes(std::uint16_t) const noexcept;
  Attributes nested(std::uint16_t) const;
  static constexpr std::uint16_t kLimit = 128;

 private:
  friend int collect_attribute(const nlattr*, void*);
  std::array<const nlattr*, kLimit> at_{};
};

// What the kernel said: 0 or a positive errno, and its own sentence if it had one.
struct Answer {
  int errnum = 0;
  std::string text;
};

class Netlink {
 public:
  Netlink();  // in the network namespace of the calling thread. Throws Error
  ~Netlink();
  Netlink(const Netlink&) = delete;
  Netlink& operator=(const Netlink&) = delete;

  // Sends and waits for the acknowledgement. `doing` follows "cannot": "add route 10.0.0.0/8".
  void request(Message&, const std::string& doing);  // throws Error
  Answer try_request(Message&);                      // throws Error only if the socket is broken
  // A request with one message as its answer, which is valid during the call of `use`.
  Answer ask(Message&, const std::function<void(const nlmsghdr*)>& use);
  // Sends a message that a dump returned back as another type; used to delete exactly that.
  Answer echo(const std::vector<std::uint8_t>& dumped, std::uint16_t type);

  // All that `parse` makes of the messages of a dump. A dump that the kernel marks as inconsistent
  // is taken again from the start. Throws Error.
  template<typename T>
  std::vector<T> dump(Message& m, const std::string& doing,
                      const std::function<std::optional<T>(const nlmsghdr*)>& parse) {
    std::vector<T> all;
    dump_all(
        m, doing, [&all] { all.clear(); },
        [&](const nlmsghdr* h) {
          if (auto one = parse(h)) all.push_back(std::move(*one));
        });
    return all;
  }

 private:
  struct Turn;
  using Use = std::function<void(const nlmsghdr*)>;
  void dump_all(Message&, const std::string& doing, const std::function<void()>& restart,
                const Use&);
  Turn exchange(nlmsghdr*, const Use&);

  mnl_socket* socket_ = nullptr;
  std::uint32_t sequence_ = 0;
  std::vector<std::uint8_t> buffer_;
};

// The Error for a refused change: code and remedy by errno.
[[noreturn]] void refuse(const std::string& doing, const Answer&);

}  // namespace vpnd::nl
