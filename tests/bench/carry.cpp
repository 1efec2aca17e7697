// SPDX-License-Identifier: ISC
// Carries so many packets of 64 KB from a client's TUN to its server's, a record each, as two
// drivers do. instructions_test.cpp counts the instructions; what would be the kernel's work is in
// functions of a namespace `kernel` and does not count. The cipher is one that every processor has.

#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "crypto/aead.h"
#include "tests/sim/world.h"
#include "tests/support/packets.h"

namespace vpnd::bench {
namespace kernel {

using Raw = std::vector<std::uint8_t>;

[[gnu::noinline]] void read_tun(MutBytes room, const Raw& packet) {
  std::memcpy(room.data(), packet.data(), packet.size());
}

// Through one socket and out of the other.
[[gnu::noinline]] std::size_t carry(std::span<const Bytes> pieces, MutBytes room) {
  std::size_t size = 0;
  for (const Bytes piece : pieces) {
    std::memcpy(room.subspan(size, piece.size()).data(), piece.data(), piece.size());
    size += piece.size();
  }
  return size;
}

// True: what was read.
[[gnu::noinline]] bool write_tun(const engine::TunPacket& given, const wire::VnetHeader& vnet,
                                 const Raw& packet) {
  return std::memcmp(&given.vnet, &vnet, sizeof vnet) == 0 &&
         given.packet.size() == packet.size() &&
         std::memcmp(given.packet.data(), packet.data(), packet.size()) == 0;
}

}  // namespace kernel

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kBatch = 4;   // such records fill one gather()
constexpr std::size_t kFirst = 16;  // until everything has its place, and is touched
constexpr std::size_t kLargest = engine::Engine::max_receive();

void require(bool good, const char* what) {
  if (!good) throw std::runtime_error(what);
}

// Both sides after the handshake, and what lies between them.
class Path {
 public:
  Path();
  void carry(std::size_t records);

 private:
  void read(std::size_t records);
  std::size_t send();
  std::size_t receive(std::size_t bytes);

  sim::Network net_{1};
  sim::Host* client_ = nullptr;
  engine::ConnId from_, to_;
  kernel::Raw packet_, stream_ = kernel::Raw(kBatch * kLargest);
  wire::VnetHeader vnet_;
  engine::TunBatch batch_;
};

Path::Path() {
  engine::ServerSettings settings = sim::server_settings();
  settings.ciphers = static_cast<std::uint16_t>(crypto::Cipher::chacha20_poly1305);
  net_.start_server(std::move(settings));
  client_ = &net_.add_client(sim::client_settings(1), sim::outside(1));
  require(net_.run_until([&] { return sim::joined(net_, *client_); }, 5s), "no session");
  net_.run_for(100ms);  // until nobody has anything left to say
  const sim::Link* link = net_.live_link(*client_);
  require(link != nullptr, "no connection");
  from_ = link->client_id;
  to_ = link->server_id;

  test::PacketSpec spec;
  spec.payload = wire::kMaxIpPacket - test::all_headers(spec);
  packet_ = test::partial_packet(spec);
  const Address source = client_->lease.client_v4.address, destination = Address::v4(9, 9, 9, 9);
  std::ranges::copy(source.bytes(), packet_.begin() + 12);
  std::ranges::copy(destination.bytes(), packet_.begin() + 16);
  vnet_ = {wire::kVnetNeedsChecksum, wire::kVnetGsoTcp4, 52, 1368, 20, 16};
}

void Path::read(std::size_t records) {
  for (; records > 0; --records) {
    wire::Slot slot = client_->engine->slot();
    require(static_cast<bool>(slot), "no slot");
    kernel::read_tun(slot.packet_room(), packet_);
    const Drop d = client_->engine->from_tun(slot, vnet_, packet_.size(), net_.now());
    require(d == Drop::none, "the client drops a packet");
  }
}

std::size_t Path::send() {
  std::array<Bytes, 16> pieces;
  const auto ready = client_->engine->next_ready();
  require(ready == from_, "the client has nothing to send");
  const std::size_t n = client_->engine->gather(from_, pieces, net_.now());
  const std::size_t bytes = kernel::carry(std::span(pieces).first(n), stream_);
  client_->engine->sent(from_, bytes, net_.now());
  return bytes;
}

// Returns packets.
std::size_t Path::receive(std::size_t bytes) {
  std::size_t packets = 0;
  for (MutBytes rest = MutBytes(stream_).first(bytes); !rest.empty();) {
    batch_.clear();
    const std::size_t used = net_.server().engine->received(to_, rest, batch_, net_.now());
    require(used != 0, "the server wants more than there is");
    for (const engine::TunPacket& p : batch_.packets()) {
      require(kernel::write_tun(p, vnet_, packet_), "the packet is another");
      ++packets;
    }
    rest = rest.subspan(used);
  }
  return packets;
}

void Path::carry(std::size_t records) {
  while (records > 0) {
    const std::size_t some = std::min(records, kBatch);
    read(some);
    std::size_t arrived = 0;
    while (arrived < some) arrived += receive(send());
    require(arrived == some, "more arrives than was sent");
    records -= some;
  }
}

}  // namespace

// Its name is the test's. What is cleared or copied on the stack takes some instructions more or
// less by where it begins, and the stack begins where the environment ends: not below a whole page.
[[gnu::noinline]] void counted(Path& path, std::size_t records) {
  alignas(4096) char page = 0;
  path.carry(records);
  asm volatile("" : : "r"(&page) : "memory");  // or it would not be there
}

}  // namespace vpnd::bench

int main(int argc, char** argv) {
  std::size_t records = 0;
  if (argc == 2) std::from_chars(argv[1], argv[1] + std::strlen(argv[1]), records);
  if (records == 0) {
    std::fprintf(stderr, "usage: carry RECORDS\n");
    return 64;
  }
  try {
    vpnd::bench::Path path;
    path.carry(vpnd::bench::kFirst);
    vpnd::bench::counted(path, records);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "carry: %s\n", e.what());
    return 1;
  }
}
