// SPDX-License-Identifier: ISC
#include "core/wire/channel.h"

#include <algorithm>
#include <new>

#include "core/base/error.h"
#include "core/wire/channel_state.h"

namespace vpnd::wire {

// Seals control messages one behind the other.
class ControlWriter {
 public:
  ControlWriter(Renewal& renewal, MutBytes out) noexcept : renewal_(renewal), out_(out) {}

  // `spare` is left free behind the message.
  bool put(Op op, Bytes body, std::size_t spare = 0) noexcept {
    EpochKeys& keys = renewal_.sending();
    const std::size_t plain = 1 + body.size();
    const std::size_t room = kRecordHeader + plain + kMaxTagRoom + spare;
    if (keys.spent() || out_.size() - used_ < room) return false;
    const MutBytes record = out_.subspan(used_);
    record[kRecordHeader] = static_cast<std::uint8_t>(op);
    std::ranges::copy(body, record.begin() + kRecordHeader + 1);
    used_ += keys.seal(RecordType::control, record, plain);
    renewal_.count_sent(plain);
    return true;
  }
  std::size_t used() const noexcept { return used_; }

 private:
  Renewal& renewal_;
  MutBytes out_;
  std::size_t used_ = 0;
};

namespace {

using Step = Renewal::Step;
constexpr std::uint8_t kSwitchRatchet = 0, kSwitchDh = 1;
constexpr std::size_t kConfirmPadding = 256;  // 0 to 255 random bytes
constexpr std::size_t kSwitchRoom = kRecordHeader + 2 + kMaxTagRoom;

std::uint8_t code(CloseReason r) noexcept {
  return static_cast<std::uint8_t>(r);
}

bool put_switch(ControlWriter& w, std::uint8_t kind) noexcept {
  return w.put(Op::switch_epoch, Bytes(&kind, 1));
}

// One step of the key schedule; false: no room.
bool put_step(Renewal& renewal, ControlWriter& w, const Entropy& entropy, TimePoint now) {
  switch (renewal.due()) {
    case Step::none:
      return true;
    case Step::rekey1:
      renewal.begin(entropy);
      if (!w.put(Op::rekey1, renewal.message())) return false;
      renewal.sealed_message();
      return true;
    case Step::rekey2:
      if (!w.put(Op::rekey2, renewal.message(), kSwitchRoom)) return false;
      renewal.sealed_message();
      if (!put_switch(w, kSwitchDh)) return false;
      renewal.sealed_dh(entropy, now);
      return true;
    case Step::switch_dh:
      if (!put_switch(w, kSwitchDh)) return false;
      renewal.sealed_dh(entropy, now);
      return true;
    case Step::ratchet:
      if (!put_switch(w, kSwitchRatchet)) return false;
      renewal.sealed_ratchet();
      return true;
  }
  return true;
}

bool put_pongs(PendingPongs& pongs, const Renewal& renewal, ControlWriter& w) noexcept {
  for (; pongs.count > 0; --pongs.count) {
    ByteArray<9> body{};
    std::ranges::copy(pongs.ids[pongs.count - 1], body.begin());
    body[8] = renewal.wants_peer_to_start() ? 1 : 0;
    if (!w.put(Op::pong, body)) return false;
  }
  return true;
}

bool put_ping(Liveness& liveness, ControlWriter& w, const Entropy& entropy, TimePoint now) {
  ByteArray<9> body{};  // id, and flags 0
  PingId id;
  entropy(id);
  std::ranges::copy(id, body.begin());
  if (!w.put(Op::ping, body)) return false;
  liveness.sealed(id, now);
  return true;
}

bool put_confirm(ControlWriter& w, const Entropy& entropy) {
  ByteArray<kConfirmPadding> padding{};
  const MutBytes body = MutBytes(padding).first(uniform(entropy, kConfirmPadding));
  entropy(body);
  return w.put(Op::confirm, body);
}

bool put_lease(ControlWriter& w, const Lease& lease) noexcept {
  ByteArray<kLease> body{};
  lease.encode(body);
  return w.put(Op::lease, body);
}

}  // namespace

Channel::Channel(const ChannelParams& params, Negotiated&& n, Entropy entropy, TimePoint now)
    : state_(std::make_unique<State>(params, std::move(n), std::move(entropy), now)) {}
Channel::~Channel() = default;
Channel::Channel(Channel&&) noexcept = default;
Channel& Channel::operator=(Channel&&) noexcept = default;

const Lease& Channel::lease() const noexcept {
  return state_->lease;
}
const PushedConfig& Channel::config() const noexcept {
  return state_->config;
}
Duration Channel::rtt() const noexcept {
  return state_->liveness.rtt();
}
Duration Channel::rtt_min() const noexcept {
  return state_->liveness.rtt_min();
}
CloseReason Channel::reason() const noexcept {
  return state_->reason;
}
TimePoint Channel::next_rekey() const noexcept {
  return state_->renewal.rekey_at();
}
std::uint64_t Channel::rekeys() const noexcept {
  return state_->renewal.rekeys();
}
std::uint64_t Channel::ratchets() const noexcept {
  return state_->renewal.ratchets();
}
crypto::Cipher Channel::cipher() const noexcept {
  return state_->suite;
}

bool Channel::State::pending() const noexcept {
  if (mute()) return false;
  if (dead != Drop::none) return close_pending.has_value();
  return confirm_pending || pongs.count > 0 || ping_pending || lease_out || config_size > 0 ||
         close_pending || renewal.due() != Step::none;
}

bool Channel::control_pending() const noexcept {
  return state_->pending();
}

bool Channel::State::put_all(ControlWriter& w, TimePoint now) {
  if (confirm_pending && !put_confirm(w, entropy)) return false;
  confirm_pending = false;
  while (renewal.due() != Step::none) {
    const Step step = renewal.due();
    if (!put_step(renewal, w, entropy, now)) return false;
    if (step == Step::ratchet) break;  // with tiny limits the next epoch may be over at once
  }
  if (!put_pongs(pongs, renewal, w)) return false;
  if (ping_pending && !put_ping(liveness, w, entropy, now)) return false;
  ping_pending = false;
  if (lease_out && !put_lease(w, *lease_out)) return false;
  lease_out.reset();
  if (config_size > 0 && !w.put(Op::config, Bytes(config_out).first(config_size))) return false;
  config_size = 0;
  return true;
}

std::size_t Channel::write_control(MutBytes out, TimePoint now) noexcept {
  State& s = *state_;
  if (!s.pending()) return 0;
  ControlWriter w(s.renewal, out);
  try {
    if (s.dead == Drop::none && !s.put_all(w, now)) return w.used();
  } catch (const std::bad_alloc&) {  // no room for new keys: see receive()
    (void)s.fail(Drop::key_spent);
    return w.used();
  }
  if (s.close_pending) {
    const std::uint8_t body = code(*s.close_pending);
    if (w.put(Op::close, Bytes(&body, 1))) {
      s.close_sealed = true;
      s.close_pending.reset();
    }
  }
  return w.used();
}

bool Channel::may_send_data() const noexcept {
  const State& s = *state_;
  return (s.params.client ? !s.confirm_pending : s.confirmed) && !s.closing() && !s.peer_closed &&
         s.dead == Drop::none;
}

Drop Channel::seal_data(MutBytes record, std::size_t length, std::size_t& wire,
                        TimePoint now) noexcept {
  State& s = *state_;
  if (!may_send_data()) return Drop::no_session;
  if (length > s.params.send_limit || length > kMaxPlaintext) return Drop::too_large;
  EpochKeys& keys = s.renewal.sending();
  if (record.size() < kRecordHeader + length + keys.tag()) return Drop::too_large;
  if (!s.renewal.room(keys, length) || s.renewal.hard_stop(now)) {
    (void)s.fail(Drop::key_spent);
    return Drop::key_spent;
  }
  wire = keys.seal(RecordType::data, record, length);
  s.renewal.count_sent(length);
  s.liveness.sent_data(now);
  return Drop::none;
}

void Channel::send_lease(const Lease& lease) {
  if (!state_->params.client) state_->lease_out = lease;
}

void Channel::send_config(const PushedConfig& config) {
  State& s = *state_;
  if (s.params.client) return;
  // One byte of the room is the op's.
  const auto size = encode_config(config, MutBytes(s.config_out).first(kMaxControlPlain - 1));
  if (!size) {
    s.config_size = 0;
    throw config_error("the resolvers, domains and routes for clients do not fit one message",
                       "name fewer of them, and domains without a final dot");
  }
  s.config_size = *size;
}

void Channel::close(CloseReason reason) {
  state_->close(reason);
}

void Channel::request_rekey(TimePoint) {
  state_->renewal.want();
}

TimePoint Channel::next_deadline() const noexcept {
  const State& s = *state_;
  if (s.dead != Drop::none) return s.told_dead ? kNever : TimePoint::min();
  const TimePoint keys = s.renewal.next_deadline();
  return s.mute() ? keys : std::min(keys, s.liveness.next_deadline());
}

Channel::Health Channel::tick(TimePoint now) noexcept {
  State& s = *state_;
  if (s.dead == Drop::none && s.renewal.hard_stop(now)) (void)s.fail(Drop::key_spent);
  s.told_dead = s.dead != Drop::none;
  if (s.told_dead) return Health::dead;
  s.renewal.tick(now);
  if (s.mute()) return Health::alive;
  if (s.liveness.dead(now)) return Health::dead;
  if (s.liveness.ping_due(now)) {
    s.ping_pending = true;
    s.liveness.asked(now);
  }
  return Health::alive;
}

}  // namespace vpnd::wire
