// SPDX-License-Identifier: ISC
#pragma once

// Packets for the TUN, from one call of received(). They point into the buffer given to it and must
// be written before that buffer is touched. TCP segments of a peer without offloads, and datagrams
// of one size, that follow each other are gathered into one super-packet, by the rules of the
// kernel's own receive offload (net/ipv4/tcp_offload.c, udp_offload.c): one write instead of forty.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/wire/ip.h"
#include "core/wire/offload.h"

namespace vpnd::engine {

struct TunPacket {
  wire::VnetHeader vnet;
  MutBytes packet;           // all of it, or its headers and the first segment
  std::uint32_t more = ~0u;  // the next segment's payload; see TunBatch::piece
  std::uint32_t pieces = 0;
};

class TunBatch {
 public:
  static constexpr std::size_t kCapacity = 512;
  static constexpr std::uint32_t kMostPieces = 60;  // of one packet, besides its first

  TunBatch();
  bool full() const noexcept { return packets_.size() + pieces_.size() >= kCapacity; }
  void add(const TunPacket& p) noexcept { packets_.push_back(p); }  // pre: !full()
  // A packet that its sender has gathered already. Pre: !full(), and parse_ip gave this of it.
  void add_alone(const TunPacket&, const wire::IpInfo&) noexcept;
  // A packet of one segment, plain or with a partial checksum, for a TUN that takes `kinds`: behind
  // an earlier one if it fits. Pre: !full(), parse_ip gave this of it, and to_vnet its header.
  void add_single(const TunPacket&, const wire::IpInfo&, std::uint16_t kinds) noexcept;
  void clear() noexcept;

  std::span<const TunPacket> packets() const noexcept { return packets_; }
  struct Piece {
    MutBytes payload;
    std::uint32_t next;
  };
  const Piece& piece(std::uint32_t index) const noexcept { return pieces_[index]; }

 private:
  // A packet to which more may come.
  struct Open {
    std::uint32_t packet = 0;
    std::uint32_t last_piece = 0;
    std::uint32_t next_place = 0;              // see Segment::place
    std::uint16_t transport = 0, payload = 0;  // of the first: where it begins, how long it is
    bool tcp = true;
    std::size_t size = 0;  // of the whole
  };
  struct Segment;
  Open* find(Bytes packet, const wire::IpInfo&) noexcept;
  void close(Open*) noexcept;
  void open(const Segment&, std::uint32_t packet) noexcept;
  bool join(Open&, const Segment&) noexcept;

  static constexpr std::size_t kMostOpen = 8;
  std::vector<TunPacket> packets_;
  std::vector<Piece> pieces_;
  std::array<Open, kMostOpen> open_;
  std::size_t opened_ = 0, oldest_ = 0;
};

}  // namespace vpnd::engine
