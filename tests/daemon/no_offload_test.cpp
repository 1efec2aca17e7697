// SPDX-License-Identifier: ISC
// One end has a device as the BSDs have it: one packet at a time, none longer than the MTU, each
// with its checksums. The other end's kernel hands over TCP and datagrams in pieces of 64 KB. What
// comes out is watched where it leaves the program, byte for byte.

#include <criterion/criterion.h>
#include <fmt/format.h>

#include "core/plan/status.h"
#include "tests/daemon/carried.h"
#include "tests/daemon/device_watch.h"
#include "tests/daemon/lab.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

constexpr std::uint64_t kMega = 1'000'000;
constexpr Amount kStream{8 * kMega, 8 * kMega}, kDatagrams{2 * kMega, 2 * kMega};
constexpr std::size_t kLarge = 48'000;

struct End {
  const Namespace& ns;
  const char* who;     // whose places
  const char* device;  // its tunnel's
};

plan::Status status_of(Lab& lab, const End& end) {
  const Finished f = lab.vpnd(end.ns, end.who, {"status", "--json"});
  const auto status = plan::status_from_json(f.output);
  cr_assert(status.has_value(), "%s: %s", end.who, f.output.c_str());
  return *status;
}

// Both ways, of one family.
void carry(Lab& lab, const Address& to, std::size_t mtu) {
  const Course course{lab.client(), lab.target(), to};
  std::string wrong = carry_stream(course, kStream, mtu);
  wrong += carry_datagrams(course, kDatagrams, mtu - (to.is_v4() ? 28 : 48), mtu);
  cr_assert(wrong.empty(), "%s", wrong.c_str());
}

// What crosses the device of the end without offloads is as small as it has to be, and right; what
// crosses the other one is large, or there was nothing to cut.
void cuts_and_sums(Lab& lab, const End& small, const End& large, std::size_t mtu) {
  cr_assert_eq(status_of(lab, small).offload, "none", "%s has offloads", small.who);
  cr_assert_neq(status_of(lab, large).offload, "none", "%s has none", large.who);
  for (const Address& to : {kTarget4, kTarget6}) {
    DeviceWatch at_small(small.ns, small.device, mtu), at_large(large.ns, large.device, 65'535);
    const engine::Counters before = status_of(lab, small).report.counters;
    carry(lab, to, mtu);
    at_small.stop();
    at_large.stop();
    const std::string faults = at_small.to_kernel.faults() + at_small.to_program.faults();
    cr_assert(faults.empty(), "MTU %zu, %s:\n%s", mtu, small.device, faults.c_str());
    for (const Crossed* way : {&at_small.to_kernel, &at_small.to_program}) {
      cr_assert(way->bytes > kStream.up + kDatagrams.up, "only %lu bytes were seen", way->bytes);
      cr_assert_eq(way->longest, mtu, "no packet is as long as it may be: %zu", way->longest);
    }
    cr_assert(at_large.to_program.longest > kLarge, "nothing to cut: %zu bytes at most",
              at_large.to_program.longest);
    const engine::Counters after = status_of(lab, small).report.counters;
    const std::uint64_t records = after.records_received - before.records_received;
    const std::uint64_t bytes = after.received.bytes - before.received.bytes;
    cr_assert(bytes > 2 * mtu * records, "%lu bytes came in %lu records", bytes, records);
  }
}

const char* program_of(const char* variant) {
  return *variant == '\0' ? vpnd_program() : variant_program(variant);
}

struct Bed {
  Lab lab;
  std::size_t mtu;
  End at_client{lab.client(), "client0", "vpn0"}, at_server{lab.server(), "server", "vpns"};
  Child server, client;

  Bed(const char* client_variant, const char* server_variant, std::size_t inner_mtu)
      : mtu(inner_mtu),
        server(start(lab.server_program, server_variant,
                     [&] {
                       return lab.start_server({"auto", "443", "vpns", "--mtu", size()});
                     })),
        client(start(lab.client_program, client_variant, [&] {
          return lab.start_client(0, {"--mtu", size()});
        })) {}

 private:
  std::string size() const { return std::to_string(mtu); }
  template<typename Starter>
  static Child start(std::string& program, const char* variant, const Starter& starter) {
    program = program_of(variant);
    return starter();
  }
};

}  // namespace

Test(no_offload, a_client_gets_packets_of_its_mtu) {
  for (const std::size_t mtu : {1280u, 1420u}) {
    Bed bed("plain", "", mtu);
    cuts_and_sums(bed.lab, bed.at_client, bed.at_server, mtu);
  }
}

Test(no_offload, a_server_gets_packets_of_its_mtu) {
  Bed bed("", "plain", 1420);
  cuts_and_sums(bed.lab, bed.at_server, bed.at_client, 1420);
}

// The control: what the tests above look for is seen where it is.
Test(no_offload, a_device_with_offloads_is_found_out) {
  Bed bed("", "", 1420);
  DeviceWatch watch(bed.lab.client(), "vpn0", 1420);
  carry(bed.lab, kTarget4, 1420);
  watch.stop();
  for (const Crossed* way : {&watch.to_kernel, &watch.to_program}) {
    const std::string faults = way->faults();
    cr_assert(faults.find("longer than the MTU") != std::string::npos, "%s", faults.c_str());
    cr_assert(faults.find("wrong checksum") != std::string::npos, "%s", faults.c_str());
  }
}
