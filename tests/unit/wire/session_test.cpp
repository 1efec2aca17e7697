// SPDX-License-Identifier: ISC
#include "core/wire/session.h"

#include <criterion/criterion.h>

#include <set>

#include "tests/support/stream_vectors.h"

using namespace vpnd;
using namespace vpnd::wire;
using namespace vpnd::test;

namespace {

using Buffer = std::vector<std::uint8_t>;

Buffer seal(EpochKeys& keys, RecordType type, const Buffer& plain) {
  Buffer record(kRecordHeader + plain.size() + keys.tag());
  std::ranges::copy(plain, record.begin() + kRecordHeader);
  cr_assert_eq(keys.seal(type, record, plain.size()), record.size());
  return record;
}

struct Opened {
  RecordType type;
  Buffer plain;
};

std::optional<Opened> open(EpochKeys& keys, Buffer wire) {
  const auto header = keys.peek(std::span(wire).first<kRecordHeader>());
  if (!header || wire.size() != kRecordHeader + header->length + keys.tag()) return std::nullopt;
  const MutBytes body = MutBytes(wire).subspan(kRecordHeader);
  if (!keys.open(*header, body)) return std::nullopt;
  return Opened{header->type, Buffer(body.begin(), body.begin() + header->length)};
}

RecordType type_of(const Value& r) {
  return static_cast<RecordType>(r.at("type").number<int>());
}

const char* tag_name(const Value& v) {
  static std::string name;
  name = text(v, "mode") + " " + text(v, "cipher");
  return name.c_str();
}

EpochKeys fresh(std::uint8_t fill = 1) {
  crypto::init();
  crypto::Key base;
  for (auto& b : base.mut()) b = fill;
  return {std::move(base), usual_cipher()};
}

}  // namespace

Test(session, keys_match_the_known_answers) {
  for (const Value& v : stream_vectors()) {
    const SessionKeys c = session_keys(negotiated(v), true);
    const SessionKeys s = session_keys(negotiated(v), false);
    cr_assert(hex(c.sending.base()) == text(v, "base_c2s"), "%s", tag_name(v));
    cr_assert(hex(c.receiving.base()) == text(v, "base_s2c"));
    cr_assert(hex(s.sending.base()) == text(v, "base_s2c"));
    cr_assert(hex(s.receiving.base()) == text(v, "base_c2s"));
    cr_assert(hex(c.rekey_secret) == text(v, "rekey_secret"));
    cr_assert(hex(s.rekey_secret) == text(v, "rekey_secret"));
  }
}

Test(session, split_keys_are_gone_afterwards) {
  crypto::init();
  Negotiated n = negotiated();
  (void)session_keys(std::move(n), true);
  cr_assert(n.c2s.empty());
  cr_assert(n.s2c.empty());
}

Test(session, records_match_the_known_answers) {
  for (const Value& v : stream_vectors()) {
    for (const Value& r : v.at("records")) {
      const bool c2s = text(r, "dir") == "c2s";
      SessionKeys out = session_keys(negotiated(v), c2s), in = session_keys(negotiated(v), !c2s);
      const auto counter = r.at("counter").number<std::uint64_t>();
      out.sending.start_at(counter);
      in.receiving.start_at(counter);
      const Buffer wire = seal(out.sending, type_of(r), bytes(r, "plaintext"));
      cr_assert(hex(wire) == text(r, "wire"), "%s", tag_name(v));
      const auto opened = open(in.receiving, bytes(r, "wire"));
      cr_assert(opened && opened->type == type_of(r) && hex(opened->plain) == text(r, "plaintext"));
    }
  }
}

Test(session, ratchet_matches_the_known_answers) {
  const Buffer hello{'h', 'e', 'l', 'l', 'o', ' ', 'v', 'p', 'n', 'd'};
  for (const Value& v : stream_vectors()) {
    const Value& want = v.at("ratchet");
    SessionKeys k = session_keys(negotiated(v), true), s = session_keys(negotiated(v), false);
    (void)seal(k.sending, RecordType::data, hello);  // the counter starts anew
    k.sending.ratchet();
    s.sending.ratchet();
    cr_assert(hex(k.sending.base()) == text(want, "base_c2s"));
    cr_assert(hex(s.sending.base()) == text(want, "base_s2c"));
    cr_assert_eq(k.sending.records(), 0u);
    cr_assert_eq(k.sending.bytes(), 0u);
    cr_assert(hex(seal(k.sending, RecordType::data, hello)) == text(want, "record0_c2s"));
    cr_assert(hex(seal(s.sending, RecordType::data, hello)) == text(want, "record0_s2c"));
  }
}

Test(session, rekey_matches_the_known_answers) {
  const Buffer hello{'h', 'e', 'l', 'l', 'o', ' ', 'v', 'p', 'n', 'd'};
  for (const Value& v : stream_vectors()) {
    const Value& want = v.at("rekey");
    SessionKeys c = session_keys(negotiated(v), true), s = session_keys(negotiated(v), false);
    Rekey i = Rekey::initiate(c.rekey_secret, c.hash, key(want, "client_ephemeral_secret"));
    cr_assert(hex(i.message()) == text(want, "msg1"), "%s", tag_name(v));
    Rekey r = Rekey::respond(s.rekey_secret, s.hash);
    cr_assert(r.read_first(i.message(), key(want, "server_ephemeral_secret")));
    cr_assert(hex(r.message()) == text(want, "msg2"));
    cr_assert(i.read_second(r.message()));
    cr_assert(i.finished() && r.finished());
    cr_assert(hex(i.hash()) == text(want, "handshake_hash"));
    cr_assert(i.hash() == r.hash());
    cr_assert(hex(i.next_secret(c.rekey_secret)) == text(want, "rekey_secret"));
    cr_assert(hex(r.next_secret(s.rekey_secret)) == text(want, "rekey_secret"));
    c.sending.rekey(i.q_c2s());
    s.sending.rekey(r.q_s2c());
    cr_assert(hex(c.sending.base()) == text(want, "base_c2s"));
    cr_assert(hex(s.sending.base()) == text(want, "base_s2c"));
    cr_assert(hex(seal(c.sending, RecordType::data, hello)) == text(want, "record0_c2s"));
    cr_assert(hex(seal(s.sending, RecordType::data, hello)) == text(want, "record0_s2c"));
  }
}

namespace {

// Both ends of one direction while a trace is replayed.
struct Direction {
  EpochKeys* out;
  EpochKeys* in;
  const crypto::Key* q;
};

void replay(const Value& r, Direction d) {
  const Buffer plain = bytes(r, "plaintext");
  cr_assert_eq(d.out->records(), r.at("counter").number<std::uint64_t>());
  cr_assert(hex(seal(*d.out, type_of(r), plain)) == text(r, "wire"), "%s", text(r, "what").c_str());
  const auto opened = open(*d.in, bytes(r, "wire"));
  cr_assert(opened && opened->type == type_of(r) && opened->plain == plain);
  if (type_of(r) != RecordType::control || plain[0] != 6) return;
  for (EpochKeys* keys : {d.out, d.in}) {
    if (plain[1] == 0) keys->ratchet();
    if (plain[1] == 1) keys->rekey(*d.q);
  }
}

}  // namespace

Test(session, the_interleaved_trace_replays_record_by_record) {
  for (const Value& v : stream_vectors()) {
    const Value& want = v.at("interleaved");
    SessionKeys c = session_keys(negotiated(v), true), s = session_keys(negotiated(v), false);
    Rekey i =
        Rekey::initiate(c.rekey_secret, c.hash, key(v.at("rekey"), "client_ephemeral_secret"));
    Rekey r = Rekey::respond(s.rekey_secret, s.hash);
    cr_assert(r.read_first(i.message(), key(v.at("rekey"), "server_ephemeral_secret")));
    cr_assert(i.read_second(r.message()));
    for (const Value& record : want.at("trace")) {
      const bool c2s = text(record, "dir") == "c2s";
      replay(record, c2s ? Direction{&c.sending, &s.receiving, &i.q_c2s()}
                         : Direction{&s.sending, &c.receiving, &r.q_s2c()});
    }
    cr_assert(hex(s.receiving.base()) == text(want, "base_c2s"));
    cr_assert(hex(c.receiving.base()) == text(want, "base_s2c"));
    cr_assert(hex(i.next_secret(c.rekey_secret)) == text(want, "rekey_secret"));
  }
}

Test(session, any_flipped_bit_of_a_record_is_refused) {
  for (const Value& v : stream_vectors()) {
    const Value& r = v.at("records").at(1);
    const bool c2s = text(r, "dir") == "c2s";
    const Buffer wire = bytes(r, "wire");
    for (std::size_t bit = 0; bit < wire.size() * 8; ++bit) {
      SessionKeys in = session_keys(negotiated(v), !c2s);
      in.receiving.start_at(r.at("counter").number<std::uint64_t>());
      cr_assert_not(open(in.receiving, flipped(wire, bit / 8, bit % 8)).has_value(), "bit %zu",
                    bit);
    }
  }
}

Test(session, a_header_bit_is_authenticated_even_when_it_fits) {
  // The type bit turns data into control and leaves the length alone.
  EpochKeys out = fresh(), in = fresh();
  const Buffer wire = flipped(seal(out, RecordType::data, Buffer(50, 9)), 2, 1);
  const auto header = in.peek(std::span(wire).first<kRecordHeader>());
  cr_assert(header && header->type == RecordType::control && header->length == 50);
  cr_assert_not(open(in, wire).has_value());
}

Test(session, reserved_bits_and_types_are_refused_by_peek) {
  for (unsigned bit = 17; bit < 32; ++bit) {
    EpochKeys out = fresh(), in = fresh();
    const Buffer wire = flipped(seal(out, RecordType::data, Buffer(5, 9)), bit / 8, bit % 8);
    cr_assert_eq(in.peek(std::span(wire).first<kRecordHeader>()).has_value(), bit == 17, "bit %u",
                 bit);
  }
}

Test(session, peek_uses_nothing_up) {
  EpochKeys out = fresh(), in = fresh();
  const Buffer wire = seal(out, RecordType::data, Buffer(5, 9));
  for (int i = 0; i < 3; ++i) (void)in.peek(std::span(wire).first<kRecordHeader>());
  cr_assert(open(in, wire).has_value());
}

Test(session, replayed_dropped_and_swapped_records_are_refused) {
  EpochKeys out = fresh();
  const Buffer a = seal(out, RecordType::data, {1}), b = seal(out, RecordType::data, {2});
  EpochKeys replayed = fresh();
  cr_assert(open(replayed, a).has_value());
  cr_assert_not(open(replayed, a).has_value());
  EpochKeys swapped = fresh();
  cr_assert_not(open(swapped, b).has_value());
}

Test(session, records_of_another_direction_epoch_or_session_are_refused) {
  crypto::init();
  SessionKeys c = session_keys(negotiated(), true), s = session_keys(negotiated(), false);
  const Buffer mine = seal(c.sending, RecordType::data, {1});
  cr_assert_not(open(c.receiving, mine).has_value(), "reflected");
  s.receiving.ratchet();
  cr_assert_not(open(s.receiving, mine).has_value(), "older epoch");
  Negotiated other = negotiated();
  other.hash[0] = 99;
  SessionKeys o = session_keys(std::move(other), false);
  cr_assert_not(open(o.receiving, mine).has_value(), "another handshake hash");
}

Test(session, the_cipher_is_part_of_the_keys) {
  const auto ciphers = offered_ciphers();
  if (ciphers.size() < 2) cr_skip_test("only one cipher here");
  std::set<std::string> bases;
  for (const auto cipher : ciphers) {
    bases.insert(hex(session_keys(negotiated(cipher), true).sending.base()));
  }
  cr_assert_eq(bases.size(), ciphers.size());
}

Test(session, sizes_from_nothing_to_the_largest) {
  EpochKeys out = fresh(), in = fresh();
  for (const std::size_t n : {std::size_t{0}, std::size_t{1}, std::size_t{kMaxPlaintext}}) {
    const Buffer plain(n, 0x5a);
    const auto got = open(in, seal(out, RecordType::data, plain));
    cr_assert(got && got->plain == plain);
  }
  cr_assert_eq(out.bytes(), 1u + kMaxPlaintext);
  cr_assert_eq(in.bytes(), out.bytes());
  cr_assert_eq(in.records(), 3u);
}

Test(session, masks_are_the_same_from_the_cache_and_from_afresh) {
  EpochKeys in_order = fresh();
  for (std::uint64_t i = 0; i < 100; ++i) {
    EpochKeys jump = fresh();
    jump.start_at(i);
    cr_assert(seal(in_order, RecordType::data, {7}) == seal(jump, RecordType::data, {7}));
  }
}

Test(session, a_spent_counter_opens_nothing) {
  EpochKeys in = fresh();
  in.start_at(~std::uint64_t{0});
  cr_assert(in.spent());
  Buffer body(in.tag());
  cr_assert_not(in.open({RecordType::data, 0}, body));
}

Test(session, rekey_messages_with_any_bit_flipped_are_refused) {
  crypto::init();
  const SessionKeys k = session_keys(negotiated(), true);
  const auto ephemeral = [](std::uint8_t fill) {
    crypto::Key e;
    for (auto& b : e.mut()) b = fill;
    return e;
  };
  Rekey i = Rekey::initiate(k.rekey_secret, k.hash, ephemeral(8));
  Rekey r = Rekey::respond(k.rekey_secret, k.hash);
  for (std::size_t bit = 0; bit < 48 * 8; ++bit) {
    const auto bad = flipped(i.message(), bit / 8, bit % 8);
    cr_assert_not(r.read_first(bad, ephemeral(9)), "REKEY1 bit %zu", bit);
    cr_assert_not(r.finished());
  }
  cr_assert_not(r.read_first(Bytes(i.message()).first(47), ephemeral(9)));
  cr_assert(r.read_first(i.message(), ephemeral(9)), "a bad one must change nothing");
  for (std::size_t bit = 0; bit < 48 * 8; ++bit) {
    cr_assert_not(i.read_second(flipped(r.message(), bit / 8, bit % 8)), "REKEY2 bit %zu", bit);
  }
  cr_assert(i.read_second(r.message()));
  cr_assert_not(i.read_second(r.message()), "once");
  cr_assert(hex(i.q_c2s()) == hex(r.q_c2s()) && hex(i.q_s2c()) == hex(r.q_s2c()));
  cr_assert(hex(i.q_c2s()) != hex(i.q_s2c()));
}

Test(session, rekey_under_another_secret_or_hash_is_refused) {
  crypto::init();
  const SessionKeys k = session_keys(negotiated(), true);
  crypto::Key other;
  crypto::Hash hash = k.hash;
  hash[63] ^= 1;
  const Rekey i = Rekey::initiate(k.rekey_secret, k.hash, k.rekey_secret.clone());
  cr_assert_not(Rekey::respond(other, k.hash).read_first(i.message(), other.clone()));
  cr_assert_not(Rekey::respond(k.rekey_secret, hash).read_first(i.message(), other.clone()));
}
