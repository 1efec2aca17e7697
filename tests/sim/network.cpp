// SPDX-License-Identifier: ISC
#include "tests/sim/network.h"

#include "crypto/random.h"

#include <algorithm>
#include <array>
#include <cerrno>

namespace vpnd::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kOpeningKept = 2048;

}  // namespace

Network::Network(unsigned seed) : random_(seed) {
  crypto::init();  // before the first secret
  now_.mono = TimePoint(1000s);
  now_.wall = 1'700'000'000'000;
}

Entropy Network::entropy() {
  return [this](MutBytes out) {
    for (auto& b : out) b = static_cast<std::uint8_t>(random_());
  };
}

Now Network::clock_of(const Host& h) const noexcept {
  Now n = now_;
  if (!h.server) n.wall = static_cast<WallMs>(static_cast<std::int64_t>(n.wall) + client_clock_ms);
  return n;
}

Host& Network::start_server(engine::ServerSettings settings, const engine::Room& room,
                            std::uint32_t workers) {
  hosts_.push_back(std::make_unique<Host>());
  server_ = hosts_.back().get();
  server_->name = "server";
  server_->server = true;
  workers_ = {server_};
  add_workers(engine::session_settings(settings), room, workers);
  restart_server(std::move(settings), room);
  return *server_;
}

void Network::restart_server(engine::ServerSettings settings, const engine::Room& room) {
  server_->engine = std::make_unique<engine::Engine>(std::move(settings), room, entropy(),
                                                     clock_of(*server_), as_seen_by(0));
}

Host& Network::add_client(engine::ClientSettings settings, const Endpoint& from,
                          const engine::Room& room) {
  hosts_.push_back(std::make_unique<Host>());
  Host& h = *hosts_.back();
  h.name = from.text();
  h.endpoint = from;
  h.cookie = settings.cookie;
  h.engine = std::make_unique<engine::Engine>(std::move(settings), room, entropy(), clock_of(h));
  pump();
  return h;
}

void Network::kill(Host& h) {
  h.engine.reset();
  for (auto& l : links_) {
    if (!l->dead && (h.server || l->client == &h)) reset(*l);
  }
}

void Network::reset(Link& l) {
  if (l.dead) return;
  l.dead = true;
  if (l.client != nullptr && l.client->engine) {
    l.client->engine->closed(l.client_id, ECONNRESET, clock_of(*l.client));
  }
  if (l.accepted && l.server->engine) {
    l.server->engine->closed(l.server_id, ECONNRESET, clock_of(*l.server));
  }
}

void Network::reset_links() {
  for (std::size_t i = 0; i < links_.size(); ++i) reset(*links_[i]);
}

Link* Network::find(const Host& h, ConnId id) {
  for (auto it = links_.rbegin(); it != links_.rend(); ++it) {
    Link& l = **it;
    if (l.dead) continue;
    if (h.server ? l.accepted && l.server == &h && l.server_id == id
                 : l.client == &h && l.client_id == id) {
      return &l;
    }
  }
  return nullptr;
}

Link* Network::live_link(const Host& client) {
  for (auto it = links_.rbegin(); it != links_.rend(); ++it) {
    Link& l = **it;
    if (!l.dead && l.client == &client && l.accepted && !l.client_hung_up) return &l;
  }
  return nullptr;
}

void Network::at(TimePoint when, std::function<void()> what) {
  events_.emplace(when, std::move(what));
}

void Network::dial(Host& h, const engine::Dial& d) {
  links_.push_back(std::make_unique<Link>());
  Link* l = links_.back().get();
  l->client = &h;
  l->client_id = d.conn;
  l->from = h.endpoint;
  l->from.port = static_cast<std::uint16_t>(10000 + links_.size() % 50000);
  ++l->events;
  at(now_.mono + delay, [this, l] {
    --l->events;
    if (l->dead || stalled) return;  // a SYN that is lost; its client gives up by itself
    if (refusing || !server_->engine) {
      l->dead = true;
      if (l->client->engine)
        l->client->engine->closed(l->client_id, ECONNREFUSED, clock_of(*l->client));
      return;
    }
    const auto id = server_->engine->accepted(l->from, clock_of(*server_));
    if (!id) return reset(*l);
    l->accepted = true;
    l->server = server_;
    l->server_id = *id;
    ++l->events;
    at(now_.mono + delay, [this, l] {
      --l->events;
      if (!l->dead && l->client->engine) {
        l->client->engine->connected(l->client_id, clock_of(*l->client));
      }
    });
  });
}

Link& Network::stranger(const Endpoint& from) {
  links_.push_back(std::make_unique<Link>());
  Link& l = *links_.back();
  l.from = from;
  const auto id = server_->engine->accepted(from, clock_of(*server_));
  if (id) {
    l.accepted = true;
    l.server = server_;
    l.server_id = *id;
  } else {
    l.dead = true;
    l.closed_at = now_.mono;
  }
  pump();
  return l;
}

void Network::say(Link& l, Bytes bytes) {
  if (l.dead) return;
  l.to_server.flying.push_back({now_.mono + delay, Raw(bytes.begin(), bytes.end())});
  l.to_server.outstanding += bytes.size();
}

void Network::effects(Host& h) {
  for (const engine::Effect& e : h.engine->take_effects()) {
    if (const auto* d = std::get_if<engine::Dial>(&e)) dial(h, *d);
    if (const auto* m = std::get_if<engine::Move>(&e)) move(h, *m);
    if (const auto* k = std::get_if<engine::KeepCookie>(&e)) h.cookie = k->cookie;
    if (const auto* x = std::get_if<engine::Ended>(&e)) h.ended = *x;
    if (const auto* b = std::get_if<engine::Became>(&e)) {
      h.state = b->state;
      h.states.push_back(b->state);
      if (b->state == engine::ClientState::up) h.lease = b->lease;
    }
    if (const auto* g = std::get_if<engine::Hangup>(&e)) {
      if (Link* l = find(h, g->conn)) {
        (h.server ? l->server_hung_up : l->client_hung_up) = true;
        flush(h, *l);
      }
    }
  }
}

// As a socket does: takes what the window has room for, in pieces of any size.
void Network::flush(Host& h, Link& l) {
  Pipe& out = h.server ? l.to_client : l.to_server;
  const ConnId id = h.server ? l.server_id : l.client_id;
  bool& blocked = h.server ? l.server_blocked : l.client_blocked;
  for (;;) {
    const std::size_t room = window > out.outstanding ? window - out.outstanding : 0;
    blocked = room == 0;
    if (blocked) return;
    std::array<Bytes, 16> pieces;
    const std::size_t n = h.engine->gather(id, pieces, clock_of(h));
    if (n == 0) break;
    std::size_t left = 1 + random_() % room, taken = 0;
    Raw bytes;
    for (std::size_t i = 0; i < n && left != 0; ++i) {
      const Bytes part = pieces[i].first(std::min(left, pieces[i].size()));
      bytes.insert(bytes.end(), part.begin(), part.end());
      left -= part.size();
      taken += part.size();
    }
    if (!h.server && l.opening.size() < kOpeningKept) {
      l.opening.insert(l.opening.end(), bytes.begin(), bytes.end());
    }
    const TimePoint earliest = out.flying.empty() ? TimePoint{} : out.flying.back().at;
    out.flying.push_back({std::max(earliest, now_.mono + delay), std::move(bytes)});
    out.outstanding += taken;
    h.engine->sent(id, taken, clock_of(h));
  }
  const bool hung_up = h.server ? l.server_hung_up : l.client_hung_up;
  if (hung_up) out.fin_sent = true;
}

void Network::drain_ready(Host& h) {
  while (h.engine) {
    const auto id = h.engine->next_ready();
    if (!id) break;
    if (Link* l = find(h, *id)) flush(h, *l);
  }
}

void Network::read(Host& h, ConnId id, Pipe& in) {
  while (!in.unread.empty() && h.engine) {
    batch_.clear();
    const std::size_t used = h.engine->received(id, in.unread, batch_, clock_of(h));
    for (const engine::TunPacket& p : batch_.packets()) {
      if (!record_tun) continue;
      Raw& whole = h.tun.emplace_back(p.packet.begin(), p.packet.end());
      for (std::uint32_t at = p.more; at != ~0u; at = batch_.piece(at).next) {
        const Bytes more = batch_.piece(at).payload;
        whole.insert(whole.end(), more.begin(), more.end());
      }
    }
    in.unread.erase(in.unread.begin(), in.unread.begin() + static_cast<std::ptrdiff_t>(used));
    if (used == 0 && !batch_.full()) break;
  }
}

void Network::arrive(Link& l, bool to_server) {
  Pipe& in = to_server ? l.to_server : l.to_client;
  Host* h = to_server ? l.server : l.client;
  while (!in.flying.empty() && in.flying.front().at <= now_.mono) {
    Raw bytes = std::move(in.flying.front().bytes);
    in.flying.pop_front();
    in.outstanding -= bytes.size();
    // Any split of a stream is a legal one.
    const std::size_t cut = bytes.size() > 1 ? 1 + random_() % bytes.size() : bytes.size();
    for (const Bytes part : {Bytes(bytes).first(cut), Bytes(bytes).subspan(cut)}) {
      in.unread.insert(in.unread.end(), part.begin(), part.end());
      if (h != nullptr && !l.dead) read(*h, to_server ? l.server_id : l.client_id, in);
      if (to_server) {
        effects(*h);  // it may be another worker's now
        h = l.server;
      }
    }
    if (h == nullptr) {
      l.heard.insert(l.heard.end(), in.unread.begin(), in.unread.end());
      in.unread.clear();
    }
  }
  if (!in.flying.empty() || !in.fin_sent || in.fin_seen) return;
  in.fin_seen = true;
  if (h == nullptr) {
    l.closed_at = now_.mono;
    l.dead = true;
  } else if (h->engine) {
    h->engine->closed(to_server ? l.server_id : l.client_id, 0, clock_of(*h));
    // Both have let go: the driver on this side closes as well.
    l.dead = true;
    Host* other = to_server ? l.client : l.server;
    if (other != nullptr && other->engine) {
      other->engine->closed(to_server ? l.client_id : l.server_id, 0, clock_of(*other));
    }
  }
}

void Network::arrivals() {
  if (stalled) return;
  for (std::size_t i = 0; i < links_.size(); ++i) {
    Link& l = *links_[i];
    if (l.dead) continue;
    arrive(l, true);
    if (!l.dead && !l.client_stopped) arrive(l, false);
    if (l.dead) continue;
    if (l.client_blocked && l.client != nullptr && l.client->engine) flush(*l.client, l);
    if (l.server_blocked && l.server->engine) flush(*l.server, l);
  }
}

void Network::pump() {
  do {
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
      Host& h = *hosts_[i];
      if (!h.engine) continue;
      effects(h);
      drain_ready(h);
    }
  } while (mail());
}

void Network::wake_due() {
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    Host& h = *hosts_[i];
    if (h.engine && h.engine->next_wake() <= now_.mono) h.engine->wake(clock_of(h));
  }
}

TimePoint Network::next_event() {
  TimePoint next = events_.empty() ? kNever : events_.begin()->first;
  for (auto& h : hosts_) {
    if (h->engine) next = std::min(next, h->engine->next_wake());
  }
  if (stalled) return next;
  for (auto& l : links_) {
    if (l->dead) continue;
    if (!l->to_server.flying.empty()) next = std::min(next, l->to_server.flying.front().at);
    if (!l->to_client.flying.empty() && !l->client_stopped) {
      next = std::min(next, l->to_client.flying.front().at);
    }
    if ((l->to_server.fin_sent && !l->to_server.fin_seen && l->to_server.flying.empty()) ||
        (l->to_client.fin_sent && !l->to_client.fin_seen && l->to_client.flying.empty() &&
         !l->client_stopped)) {
      next = std::min(next, now_.mono + delay);
    }
  }
  return next;
}

bool Network::run_until(const std::function<bool()>& done, Duration limit) {
  const TimePoint end = now_.mono + limit;
  pump();
  while (!done()) {
    const TimePoint next = std::max(next_event(), now_.mono + 1us);
    const TimePoint to = std::min(next, end);
    now_.wall += static_cast<WallMs>(
        std::chrono::duration_cast<std::chrono::milliseconds>(to.time_since_epoch()).count() -
        std::chrono::duration_cast<std::chrono::milliseconds>(now_.mono.time_since_epoch())
            .count());
    now_.mono = to;
    if (next > end) return done();
    while (!events_.empty() && events_.begin()->first <= now_.mono) {
      const auto what = std::move(events_.begin()->second);
      events_.erase(events_.begin());
      what();
    }
    arrivals();
    wake_due();
    pump();
    std::erase_if(links_, [this](const auto& l) {
      const bool over = l->dead && l->client != nullptr && l->events == 0;
      if (over && l->opening.size() >= wire::kBlock) recorded.push_back(l->opening);
      return over;
    });
  }
  return true;
}

void Network::run_for(Duration d) {
  run_until([] { return false; }, d);
}

Drop Network::send(Host& h, Bytes packet, const wire::VnetHeader& vnet) {
  wire::Slot slot = h.engine->slot();
  if (!slot) return Drop::queue_full;
  std::copy(packet.begin(), packet.end(), slot.packet_room().begin());
  const Drop d = h.engine->from_tun(slot, vnet, packet.size(), clock_of(h));
  pump();
  return d;
}

}  // namespace vpnd::sim
