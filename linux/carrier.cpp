// SPDX-License-Identifier: ISC
#include "linux/carrier.h"

namespace vpnd::nl {
namespace {

constexpr std::size_t kKeptBuffers = 16;

}  // namespace

ReceiveBuffers::Buffer ReceiveBuffers::take() {
  if (free_.empty()) return std::make_unique_for_overwrite<std::uint8_t[]>(kReceiveBuffer);
  Buffer out = std::move(free_.back());
  free_.pop_back();
  return out;
}

void ReceiveBuffers::give_back(Buffer buffer) noexcept {
  if (buffer && free_.size() < kKeptBuffers) free_.push_back(std::move(buffer));
}

Carrier& CarrierTable::add(Fd fd, engine::ConnId conn, Carrier::Stage stage) {
  std::uint32_t slot = static_cast<std::uint32_t>(slots_.size());
  if (free_.empty()) {
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  slots_[slot] = std::make_unique<Carrier>();
  Carrier& c = *slots_[slot];
  c.slot = slot;
  c.fd = std::move(fd);
  c.conn = conn;
  c.stage = stage;
  if (conn.index >= by_conn_.size()) by_conn_.resize(conn.index + 1, kNone);
  by_conn_[conn.index] = slot;
  return c;
}

Carrier* CarrierTable::find(engine::ConnId conn) noexcept {
  if (conn.index >= by_conn_.size()) return nullptr;
  Carrier* c = at(by_conn_[conn.index]);
  return c != nullptr && c->conn == conn ? c : nullptr;
}

Carrier* CarrierTable::at(std::uint32_t slot) noexcept {
  return slot < slots_.size() ? slots_[slot].get() : nullptr;
}

void CarrierTable::forget(Carrier& c) noexcept {
  if (c.conn.index < by_conn_.size() && by_conn_[c.conn.index] == c.slot) {
    by_conn_[c.conn.index] = kNone;
  }
}

void CarrierTable::remove(Carrier& c) noexcept {
  forget(c);
  const std::uint32_t slot = c.slot;
  slots_[slot].reset();
  free_.push_back(slot);
}

}  // namespace vpnd::nl
