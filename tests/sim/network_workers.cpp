// SPDX-License-Identifier: ISC
// A server of several workers: all in one thread here, in any case one after the other.

#include <cstdlib>

#include "tests/sim/network.h"

namespace vpnd::sim {

void Network::add_workers(const engine::SessionSettings& settings, const engine::Room& room,
                          std::uint32_t count) {
  hand_overs_.resize(count);
  for (auto& row : hand_overs_) {
    row.clear();
    for (std::uint32_t to = 0; to < count; ++to) {
      row.push_back(std::make_unique<engine::HandOver>());
    }
  }
  for (std::uint32_t i = 1; i < count; ++i) {
    Host& h = *hosts_.emplace_back(std::make_unique<Host>());
    h.name = "worker";
    h.server = true;
    workers_.push_back(&h);
    h.engine = std::make_unique<engine::Engine>(settings, room, entropy(), as_seen_by(i));
  }
}

engine::Workers Network::as_seen_by(std::uint32_t worker) {
  engine::Workers out{static_cast<std::uint32_t>(hand_overs_.size()), worker, {}, {}};
  for (std::uint32_t i = 0; i < out.count; ++i) {
    out.to.push_back(i == worker ? nullptr : hand_overs_[worker][i].get());
    out.from.push_back(i == worker ? nullptr : hand_overs_[i][worker].get());
  }
  return out;
}

void Network::move(Host& h, const engine::Move& m) {
  Link* l = find(h, m.conn);
  if (l == nullptr) return;
  auto session = h.engine->take(m.conn);
  if (!session) std::abort();  // nothing of it is in flight: a pipe takes all at once
  l->server = workers_.at(m.worker);
  l->server_id = l->server->engine->adopt(std::move(*session), now_);
  read(*l->server, l->server_id, l->to_server);
}

bool Network::mail() {
  bool any = false;
  for (std::size_t i = 0; i < workers_.size() && workers_.size() > 1; ++i) {
    if (!workers_[i]->engine) continue;
    for (const engine::Post& p : workers_[i]->engine->take_post()) {
      any = true;
      if (workers_.at(p.to)->engine) workers_[p.to]->engine->deliver(p.mail, now_);
    }
    const std::uint32_t whom = workers_[i]->engine->handed_to();
    for (std::size_t to = 0; to < workers_.size(); ++to) {
      if ((whom >> to & 1) == 0) continue;
      any = true;
      workers_[to]->engine->take_handed(now_);
    }
  }
  return any;
}

engine::Report Network::server_report() const {
  engine::Report whole;
  for (const Host* h : workers_) {
    if (h->engine) engine::add(whole, h->engine->report(now_));
  }
  return whole;
}

}  // namespace vpnd::sim
