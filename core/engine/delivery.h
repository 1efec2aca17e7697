// SPDX-License-Identifier: ISC
#pragma once

// From the stream of an established connection to the TUN: records are opened, their packets
// checked, and handed on where they lie. What may pass is the side's own rule.

#include "core/engine/connection.h"
#include "core/engine/engine.h"
#include "core/wire/container.h"
#include "core/wire/ip.h"
#include "core/wire/offload.h"

namespace vpnd::engine {

struct Delivery {
  TunBatch& tun;
  Counters& counters;
  std::uint16_t kinds;  // that we announced
  TimePoint now;
};

// One packet of a container. `allowed` is asked with its IpInfo and returns a Drop.
template<typename Allowed>
Drop deliver_packet(const wire::ContainerReader::Entry& e, const Delivery& d,
                    const Allowed& allowed) noexcept {
  const auto kind = static_cast<unsigned>(e.offload.kind);
  if (kind > 15 || (d.kinds & (1u << kind)) == 0) return Drop::bad_offload;
  const auto ip = wire::parse_ip(e.packet);
  if (!ip) return Drop::malformed;
  if (const Drop drop = allowed(*ip); drop != Drop::none) return drop;
  TunPacket out{{}, e.packet};
  if (const Drop drop = wire::to_vnet(e.offload, e.packet, out.vnet); drop != Drop::none) {
    return drop;
  }
  const bool gathered = e.offload.segment_size != 0;
  gathered ? d.tun.add_alone(out, *ip) : d.tun.add_single(out, *ip, d.kinds);
  return Drop::none;
}

// The rest of the record at record[0, c.half_read.record). False: the batch is full and c.half_read
// says where to go on.
template<typename Allowed>
bool deliver_record(Connection& c, MutBytes record, const Delivery& d,
                    const Allowed& allowed) noexcept {
  const std::size_t end = c.half_read.end;
  wire::ContainerReader reader(record.subspan(c.half_read.at, end - c.half_read.at));
  while (!d.tun.full()) {
    const auto entry = reader.next();
    if (!entry) {
      if (!reader.ok()) d.counters.drop(Drop::malformed);
      c.half_read = {};
      return true;
    }
    c.half_read.at =
        static_cast<std::size_t>(entry->packet.data() - record.data()) + entry->packet.size();
    const Drop drop = deliver_packet(*entry, d, allowed);
    if (drop != Drop::none) {
      d.counters.drop(drop);
      continue;
    }
    ++d.counters.received.packets;
    d.counters.received.bytes += entry->packet.size();
    ++c.received.packets;
    c.received.bytes += entry->packet.size();
  }
  return false;
}

// Works through whole records at the front of `stream`; returns the bytes used up. Everything that
// is not data goes to `on`, which returns false when the connection is no more: then all is used.
template<typename Allowed, typename On>
std::size_t receive_records(Connection& c, MutBytes stream, const Delivery& d,
                            const Allowed& allowed, const On& on) {
  std::size_t at = c.skip_padding(stream.size());
  if (c.half_read.record != 0) {
    const std::size_t record = c.half_read.record;
    if (record > stream.size() || !deliver_record(c, stream, d, allowed)) return 0;
    at = record;
  }
  for (;;) {
    const MutBytes rest = stream.subspan(at);
    const wire::Channel::Received got = c.channel->receive(rest, d.now);
    if (got.event == wire::Channel::Event::need_more) return at;
    if (got.event == wire::Channel::Event::data) {
      ++d.counters.records_received;
      const auto from = static_cast<std::size_t>(got.data.data() - rest.data());
      c.half_read = {got.consumed, from, from + got.data.size()};
      if (!deliver_record(c, rest, d, allowed)) return at;
    } else if (!on(got)) {
      return stream.size();
    }
    at += got.consumed;
    if (c.phase == Phase::moving) return at;  // the rest is for who gets it
  }
}

}  // namespace vpnd::engine
