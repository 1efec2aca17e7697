// SPDX-License-Identifier: ISC
#include <algorithm>
#include <new>
#include <utility>

#include "core/base/event.h"
#include "core/engine/client.h"
#include "crypto/aead.h"

namespace vpnd::engine {
namespace {

using namespace std::chrono_literals;

constexpr Duration kBlockedWait = 60s;
constexpr std::uint32_t kSupersededExtra = 30;  // seconds, at random
constexpr Duration kRefusedWait = 1s, kRefusedLaterWait = 5s;
constexpr unsigned kSilentBeforeUnsure = 2;
constexpr Duration kRetireAfter = 5s;

}  // namespace

void ClientEngine::connected(ConnId id, Now now) {
  Connection* c = carriers_.find(id);
  if (c == nullptr || c->phase != Phase::dialing) return;
  any_connected_ = true;
  failed_in_a_row_ = 0;
  c->phase = Phase::opening;
  send_opening(*c, now);
}

void ClientEngine::send_opening(Connection& c, Now now) {
  wire::Initiator::Opening opening;
  opening.hello.ciphers = crypto::offered_ciphers();
  opening.hello.want_v6 = settings_.want_v6;
  opening.hello.instance = settings_.instance;
  opening.hello.cookie = settings_.cookie;
  opening.hello.resume = settings_.cookie != wire::CookieBytes{};
  opening.hello.kinds = settings_.kinds;
  if (settings_.requested_v4) opening.hello.requested_v4 = *settings_.requested_v4;
  opening.time = now.wall + static_cast<WallMs>(clock_offset_ms_);
  opening.clock_unsure = silent_tries_ >= kSilentBeforeUnsure;
  crypto::Key ephemeral;
  entropy_(ephemeral.mut());
  const wire::BlockRandom random = wire::draw_block_random(entropy_);
  c.initiator =
      std::make_unique<wire::Initiator>(settings_.identity, opening, std::move(ephemeral), random);
  c.put_block(c.initiator->block(), random.pad_len, entropy_);
  carriers_.want_send(c);
}

std::size_t ClientEngine::received(ConnId id, MutBytes stream, TunBatch& tun, Now now) {
  Connection* c = carriers_.find(id);
  if (c == nullptr || c->phase == Phase::closing || c->phase == Phase::dialing) {
    return stream.size();
  }
  std::size_t used = 0;
  if (c->phase == Phase::opening) {
    used = read_opening(*c, stream, now);
    c = carriers_.find(id);
    if (c == nullptr || c->phase == Phase::closing) return stream.size();
    if (c->phase == Phase::opening) return used;
  }
  const auto allowed = [&](const wire::IpInfo& ip) { return check_from_server(ip, c->inner); };
  const auto on = [&](const wire::Channel::Received& got) { return on_event(*c, got, now); };
  used += receive_records(*c, stream.subspan(used), {tun, counters_, settings_.kinds, now.mono},
                          allowed, on);
  c = carriers_.find(id);
  if (c != nullptr && c->channel && c->phase != Phase::closing) {
    if (c->phase == Phase::up) carriers_.arm(*c);
    carriers_.want_send(*c);
  }
  return used;
}

std::size_t ClientEngine::read_opening(Connection& c, Bytes stream, Now now) {
  const std::size_t used = c.fill_block(stream);
  if (c.block_complete()) answered(c, now);
  return used;
}

void ClientEngine::answered(Connection& c, Now now) {
  switch (c.initiator->read(c.block)) {
    case wire::Initiator::Reply::session:
      return win(c, now);
    case wire::Initiator::Reply::refused:
      return refused(c, c.initiator->hello().status, now);
    case wire::Initiator::Reply::clock:
      clock_offset_ms_ = static_cast<std::int64_t>(c.initiator->server_time() - now.wall);
      log(Level::warning, "our clock is {} ms from the server's; going by the server's",
          clock_offset_ms_);
      silent_tries_ = 0;
      hang_up(c, now);
      if (trying()) next_try_ = now.mono;
      return;
    case wire::Initiator::Reply::retry:    // datagrams only
    case wire::Initiator::Reply::invalid:  // not from whoever holds our server's key
      counters_.drop(Drop::bad_handshake);
      hang_up(c, now);
      return;
  }
}

void ClientEngine::refused(Connection& c, wire::Status status, Now now) {
  if (last_refusal_ != status) {
    log(Level::warning, "{} refuses a session (status {})", c.endpoint.text(),
        static_cast<unsigned>(status));
  }
  last_refusal_ = status;
  silent_tries_ = 0;
  hang_up(c, now);
  if (trying()) next_try_ = now.mono + spread(was_up_ ? kRefusedLaterWait : kRefusedWait, 20);
}

bool ClientEngine::lease_acceptable(const wire::Lease& lease, Now now) {
  const Address& got = lease.client_v4.address;
  if (settings_.requested_v4 && *settings_.requested_v4 != got) {
    end(Exit::config,
        fmt::format("the server leased {}, but {} was asked for", got.text(),
                    settings_.requested_v4->text()),
        "leave the local address out, or pin it on the server", now);
    return false;
  }
  if (settings_.expected_server_v4 && *settings_.expected_server_v4 != lease.server_v4) {
    end(Exit::config,
        fmt::format("the server's tunnel address is {}, but {} was given", lease.server_v4.text(),
                    settings_.expected_server_v4->text()),
        "leave the remote address out, or correct it", now);
    return false;
  }
  return true;
}

// The first attempt whose handshake is done; from here on it is the session.
void ClientEngine::win(Connection& c, Now now) {
  forget_attempt(c.id.index);
  const wire::HelloS hello = c.initiator->hello();
  if (!lease_acceptable(hello.lease, now)) {
    hang_up(c, now);
    return;
  }
  wire::ChannelParams params;
  params.client = true;
  params.send_limit = std::min(hello.max_length, wire::kMaxPlaintext);
  params.keepalive = std::chrono::seconds(std::clamp<unsigned>(hello.lease.keepalive, 1, 3600));
  params.limits = limits_;
  c.discard = c.initiator->reply_pad();
  c.channel.emplace(params, c.initiator->take(), entropy_, now.mono);
  c.initiator.reset();
  c.send_limit = params.send_limit;
  c.peer_kinds = hello.kinds;
  c.phase = Phase::up;
  const TimePoint dialled = std::exchange(c.since, now.mono);
  const bool replaces = current_.has_value();
  if (replaces) {  // its last packets may still be under way
    carriers_.at(*current_).phase = Phase::retiring;
    carriers_.deadlines.set(*current_, now.mono + kRetireAfter);
  }
  current_ = c.id.index;
  hang_up_attempts(now);
  carriers_.deadlines.set(c.id.index, c.channel->next_deadline());
  silent_tries_ = 0;
  last_refusal_.reset();
  next_try_ = give_up_at_ = kNever;
  ++counters_.handshakes;
  if (was_up_) ++counters_.reconnects;
  was_up_ = true;
  last_good_ = c.endpoint;
  tell_of_session(c, now.mono - dialled, replaces);
  enter(ClientState::up, now);
  take_lease(c, hello.lease, now);
  carriers_.want_send(c);
}

void ClientEngine::tell_of_session(const Connection& c, Duration took, bool replaces) {
  const std::string endpoint = c.endpoint.text();
  emit({.kind = EventKind::handshake,
        .text = fmt::format("handshake with {} done in {} ms", endpoint,
                            std::chrono::ceil<std::chrono::milliseconds>(took).count()),
        .endpoint = endpoint});
  if (!replaces) return;
  emit({.kind = EventKind::roamed,
        .text = "moved to another connection, with " + endpoint,
        .endpoint = endpoint});
}

void ClientEngine::take_lease(Connection& c, const wire::Lease& lease, Now) {
  c.lease = lease;
  c.inner.v4 = lease.client_v4.address;
  c.inner.v6 = lease.has_v6() ? std::optional(lease.client_v6.address) : std::nullopt;
  if (settings_.cookie != lease.cookie) {
    settings_.cookie = lease.cookie;
    effects_.push_back(KeepCookie{lease.cookie});
  }
  announce(c);
}

void ClientEngine::announce(Connection& c) {
  effects_.push_back(Became{ClientState::up, c.lease, c.channel->config()});
}

bool ClientEngine::on_event(Connection& c, const wire::Channel::Received& got, Now now) {
  using Event = wire::Channel::Event;
  const bool is_current = current_ == c.id.index;
  switch (got.event) {
    case Event::need_more:
    case Event::data:
    case Event::handled:
    case Event::confirmed:
    case Event::pong:
      return true;
    case Event::lease:
      if (!is_current) return true;
      if (!lease_acceptable(c.channel->lease(), now)) return false;
      take_lease(c, c.channel->lease(), now);
      return true;
    case Event::config:
      if (is_current) announce(c);
      return true;
    case Event::closed:
      return on_close(c, c.channel->reason(), now);
    case Event::failed:
      break;
  }
  counters_.drop(got.drop);
  hang_up(c, now);
  if (is_current) lost(name(got.drop), now);
  return false;
}

bool ClientEngine::on_close(Connection& c, wire::CloseReason reason, Now now) {
  const bool is_current = current_ == c.id.index;
  hang_up(c, now);
  if (!is_current) return false;
  switch (reason) {
    case wire::CloseReason::shutdown:
      lost("the server closed it", now);
      break;
    case wire::CloseReason::key_limit:
      lost("key limit", now);
      break;
    case wire::CloseReason::superseded:
      block("another client uses our identity and has replaced us",
            kBlockedWait + std::chrono::seconds(uniform(entropy_, kSupersededExtra + 1)), now);
      break;
    case wire::CloseReason::no_address:
      block("server has no address for us", kBlockedWait, now);
      break;
    case wire::CloseReason::protocol:
      block("server reports a protocol error", kBlockedWait, now);
      break;
    case wire::CloseReason::revoked:
      block("our key is revoked", kBlockedWait, now);
      break;
  }
  return false;
}

Drop ClientEngine::from_tun(wire::Slot& slot, const wire::VnetHeader& vnet, std::size_t size,
                            Now now) noexcept {
  const auto dropped = [&](Drop d) {
    counters_.drop(d);
    return d;
  };
  if (!current_) return dropped(Drop::no_session);
  Connection& c = carriers_.at(*current_);
  const MutBytes packet = slot.packet_room().first(size);
  const auto ip = wire::parse_ip(packet);
  if (!ip) return dropped(Drop::malformed);
  // What the kernel says for itself (fe80::) or under an address we no longer hold.
  if (!c.inner.holds(ip->source)) return dropped(Drop::spoofed_source);
  const auto offload = wire::from_vnet(vnet, packet);
  if (!offload) return dropped(Drop::bad_offload);
  return carriers_.enqueue(c, slot, {size, *offload, *ip}, now.mono);
}

}  // namespace vpnd::engine
