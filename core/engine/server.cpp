// SPDX-License-Identifier: ISC
#include "core/engine/server.h"

#include <algorithm>

#include "core/base/event.h"
#include "crypto/hash.h"

namespace vpnd::engine {
namespace {

using namespace std::chrono_literals;

constexpr Rate kFailures{50ms, 20};  // failed gates of one source: 20 a second
constexpr Rate kClockPerSource{1s, 1};
constexpr std::size_t kMaxSources = 65536;

wire::Identity identity_of(const wire::PeerEntry& peer) {
  wire::Identity id;
  std::copy(peer.key.begin(), peer.key.end(), id.bytes.begin());
  id.size = static_cast<std::uint8_t>(peer.key.size());
  return id;
}

}  // namespace

ServerEngine::ServerEngine(ServerSettings&& settings, const Workers& workers, const Room& room,
                           Entropy entropy, Now now)
    : settings_(std::move(settings)),
      entropy_(std::move(entropy)),
      limits_(room.limits),
      workers_(workers),
      here_(session_settings(settings_), workers, room, entropy_,
            [this](const Connection& c, std::string_view why, Now at) {
              ended(c.identity, c.session, why, at);
            }),
      carriers_(here_.carriers()),
      counters_(here_.counters()),
      half_open_(room.half_open, room.half_open_per_source, entropy_),
      replays_(now, entropy_),
      failures_(kFailures, kMaxSources, entropy_),
      clock_sources_(kClockPerSource, kMaxSources, entropy_),
      pool_({settings_.pool_v4, settings_.server_v4, settings_.first_lease,
             std::chrono::seconds(settings_.lease_seconds)}),
      load_(workers.count) {
  pin_addresses();
}

void ServerEngine::pin_addresses() {
  std::vector<std::pair<wire::Identity, Address>> pins;
  for (const wire::PeerEntry& peer : settings_.identity.peers) {
    if (peer.address) pins.emplace_back(identity_of(peer), *peer.address);
  }
  pool_.pin(std::move(pins));
}

std::optional<ConnId> ServerEngine::accepted(const Endpoint& from, Now now) {
  if (stopped_) return std::nullopt;
  const Source source = source_of(from.address);
  const auto place = half_open_.place(source, entropy_);
  if (!place) {
    counters_.drop(Drop::half_open_full);
    return std::nullopt;
  }
  if (place->evict) {
    counters_.drop(Drop::half_open_full);
    hang_up(carriers_.at(*place->evict), now);
  }
  Connection& c = carriers_.open(from, Phase::opening, now.mono);
  const std::chrono::milliseconds span = wire::kUnauthMax - wire::kUnauthMin;
  const std::uint32_t extra = uniform(entropy_, static_cast<std::uint32_t>(span.count()) + 1);
  c.deadline = now.mono + wire::kUnauthMin + std::chrono::milliseconds(extra);
  carriers_.deadlines.set(c.id.index, c.deadline);
  half_open_.add(c.id.index, source);
  return c.id;
}

// Whatever tables it stands in because it has not authenticated.
void ServerEngine::forget_opening(Connection& c, Now now) {
  if (c.phase == Phase::draining) --draining_;
  if (c.phase == Phase::confirming) pool_.release(c.identity, now.mono);
  half_open_.remove(c.id.index);
}

void ServerEngine::hang_up(Connection& c, Now now) {
  forget_opening(c, now);
  here_.hang_up(c, now);
}

void ServerEngine::closed(ConnId id, int errnum, Now now) {
  Connection* c = carriers_.find(id);
  if (c == nullptr) return;
  if (c->phase == Phase::up || c->phase == Phase::moving) here_.lost(*c, why_closed(errnum), now);
  forget_opening(*c, now);
  carriers_.release(*c);
}

std::size_t ServerEngine::received(ConnId id, MutBytes stream, TunBatch& tun, Now now) {
  Connection* c = carriers_.find(id);
  if (c == nullptr) return stream.size();
  switch (c->phase) {
    case Phase::opening:
    case Phase::queued:
      return read_opening(*c, stream, now);
    case Phase::confirming:
    case Phase::up:
      return here_.received(*c, stream, tun, now, [&](const wire::Channel::Received& got) {
        return on_event(*c, got, now);
      });
    case Phase::moving:
      return 0;
    case Phase::free:
    case Phase::dialing:
    case Phase::retiring:
    case Phase::draining:
    case Phase::closing:
      break;
  }
  return stream.size();
}

bool ServerEngine::on_event(Connection& c, const wire::Channel::Received& got, Now now) {
  using Event = wire::Channel::Event;
  if (c.phase != Phase::confirming) return here_.on_event(c, got, now);
  if (got.event == Event::confirmed) return established(c, now);
  if (got.event != Event::closed && got.event != Event::failed) return true;
  got.event == Event::closed ? hang_up(c, now) : drain(c, got.drop, now);
  return false;
}

void ServerEngine::due(Connection& c, Now now) {
  switch (c.phase) {
    case Phase::free:
    case Phase::dialing:
    case Phase::retiring:
    case Phase::moving:
      return;
    case Phase::opening:
    case Phase::queued:
      counters_.drop(Drop::deadline);
      return hang_up(c, now);
    case Phase::draining:
      return hang_up(c, now);
    case Phase::confirming:
      return drain(c, Drop::deadline, now);
    case Phase::closing:
      if (!c.flying()) carriers_.release(c);
      return;
    case Phase::up:
      return here_.tick(c, now);
  }
}

void ServerEngine::wake(Now now) {
  while (const auto index = carriers_.deadlines.pop_due(now.mono)) due(carriers_.at(*index), now);
  run_handshakes(now);
}

void ServerEngine::stop(Now now) {
  stopped_ = true;
  waiting_.clear();
  while (!sessions_.empty()) {
    close_session(sessions_.begin(), wire::CloseReason::shutdown, "the server stops", now);
  }
  for (std::uint32_t i = 0; i < carriers_.count(); ++i) {
    Connection& c = carriers_.at(i);
    if (c.phase != Phase::free && c.phase != Phase::closing) hang_up(c, now);
  }
}

void ServerEngine::replace_peers(std::vector<wire::PeerEntry>&& peers, Now now) {
  const std::vector<wire::PeerEntry> before =
      std::exchange(settings_.identity.peers, std::move(peers));
  pin_addresses();
  for (std::uint32_t i = 0; i < carriers_.count(); ++i) {
    Connection& c = carriers_.at(i);
    if (c.phase == Phase::confirming && revoked(c.identity, before)) {
      drain(c, Drop::unknown_peer, now);
    }
  }
  for (auto next = sessions_.begin(); next != sessions_.end();) {
    const auto s = next++;
    const auto pin = pool_.pinned(s->first);
    if (revoked(s->first, before)) {
      close_session(s, wire::CloseReason::revoked, "its key is revoked", now);
    } else if (pin && *pin != s->second.inner.v4) {
      close_session(s, wire::CloseReason::shutdown, "it gets another address", now);
    }
  }
}

// It is not in the list any more, or with another secret.
bool ServerEngine::revoked(const wire::Identity& id,
                           const std::vector<wire::PeerEntry>& before) const {
  const auto same = [&](const wire::PeerEntry& p) { return identity_of(p) == id; };
  const std::vector<wire::PeerEntry>& peers = settings_.identity.peers;
  const auto was = std::find_if(before.begin(), before.end(), same);
  const auto is = std::find_if(peers.begin(), peers.end(), same);
  return is == peers.end() || was == before.end() ||
         !crypto::equal(was->psk.bytes(), is->psk.bytes());
}

void ServerEngine::change(const ServerChanges& changes) {
  settings_.max_clients = changes.max_clients;
  settings_.isolate = changes.isolate;
  here_.isolate(changes.isolate);
  for (std::uint32_t i = 0; i < workers_.count; ++i) {
    if (i != workers_.self) post_.push_back({i, mail::Isolate{changes.isolate}});
  }
  settings_.mtu = changes.mtu;
  settings_.dns_v4 = changes.dns_v4;
  settings_.dns_v6 = changes.dns_v6;
}

Report ServerEngine::report(Now now) const {
  Report r;
  r.server = true;
  r.counters = here_.counters();
  r.half_open = static_cast<std::uint32_t>(half_open_.size()) - draining_;
  r.draining = draining_;
  r.peers = here_.rows(now);
  return r;
}

}  // namespace vpnd::engine
