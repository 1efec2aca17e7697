// SPDX-License-Identifier: ISC
#pragma once

// A kernel of one of the five systems, made up: it understands the bytes that network set-up sends,
// keeps routes and interfaces, and behaves as the design notes say of that system when a device is
// closed, a route exists already, or a gateway is out of reach. host::Machine and host::Tunnel run
// on the one that lives.

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "bsd/route_message.h"
#include "bsd/system.h"

namespace vpnd::test {

inline const bsd::Traits* const kAllSystems[] = {&bsd::kFreeBsd, &bsd::kNetBsd, &bsd::kOpenBsd,
                                                 &bsd::kDragonFly, &bsd::kMacOs};

struct FakeRoute {
  Prefix to;
  bsd::Hop hop;
  std::uint32_t flags = 0;
  std::uint16_t interface = 0;
};

struct FakeInterface {
  std::uint16_t index = 0;
  bool up = false;
  unsigned mtu = 1500;
  int device = -1;                                    // the descriptor that has it open
  std::vector<std::pair<Prefix, Address>> addresses;  // and the other end
};

class FakeSystem final : public bsd::System {
 public:
  // A host on 192.0.2.0/24 and 2001:db8::/64 with default routes by em0, and a resolver file.
  explicit FakeSystem(const bsd::Traits&);
  ~FakeSystem() override;

  static FakeSystem* living;  // the last one that was made

  const bsd::Traits& traits;
  std::map<std::string, FakeInterface> interfaces;
  std::vector<FakeRoute> routes;
  std::map<std::string, std::string> files;
  std::set<std::string> locked_by_others, busy;  // paths; devices
  int forwarding_v4 = 0, forwarding_v6 = 0;
  std::int64_t booted = 1'700'000'000;

  std::vector<std::string> done;  // every change that was asked for, in order
  int fail_at = 0;                // the how-manieth of them fails; 0: none
  bool links_work = true;         // a file may have two names

  const FakeRoute* route(const std::string& to) const;
  void set_default(Family, const std::string& router);
  // All that a test compares: routes, interfaces, settings and files but for those of the journal.
  std::string state() const;
  bool did(const std::string& what) const;
  std::size_t at(const std::string& what) const;  // its place in `done`, or done.size()

  int open_device(const std::string& name) override;
  int control(int device, std::uint32_t request, MutBytes argument) override;
  void close(int descriptor) override;
  int configure(Family, std::uint32_t request, MutBytes argument) override;
  std::uint16_t index_of(const std::string& interface) override;
  std::vector<bsd::Link> links() override;
  int say(Bytes message) override;
  int hear(MutBytes room) override;
  std::vector<std::uint8_t> dump_routes(Family) override;
  std::uint32_t pid() const override { return 4711; }
  std::uint32_t routing_table() const override { return traits.table != 0 ? 3 : 0; }
  std::optional<int> forwarding(Family) override;
  int set_forwarding(Family, int value) override;
  std::optional<std::string> read_text(const std::string& path) override;
  int write_text(const std::string& path, const std::string& text, unsigned mode) override;
  int link(const std::string& from, const std::string& to) override;
  int rename(const std::string& from, const std::string& to) override;
  int remove(const std::string& path) override;
  bool exists(const std::string& path) override;
  std::vector<std::string> names_in(const std::string& directory) override;
  int lock(const std::string& path) override;
  std::int64_t boot_time() override { return booted; }

 private:
  int step(const std::string& what);  // 0, or the errno of the failure that was wished for
  int add(const bsd::RouteMessage&);
  int change(const bsd::RouteMessage&);
  int drop(const bsd::RouteMessage&);
  int answer(const bsd::RouteMessage&, std::uint32_t kinds, std::uint32_t seq);
  FakeRoute* exactly(const Prefix&);
  const FakeRoute* best(const Address&) const;
  std::uint16_t interface_towards(const Address& router) const;
  std::vector<std::uint8_t> encode(const FakeRoute&, bool with_interface) const;
  int add_address(const std::string& name, Family, Bytes argument);
  int delete_address(const std::string& name, Family, Bytes argument);
  int destroy(const std::string& name);
  void drop_routes_by(std::uint16_t interface, bool hosts_only);

  std::deque<std::vector<std::uint8_t>> heard_;
  std::map<int, std::string> locks_;
  int count_ = 0, next_ = 100;
};

}  // namespace vpnd::test
