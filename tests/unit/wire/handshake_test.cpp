// SPDX-License-Identifier: ISC
#include "core/wire/handshake.h"

#include <criterion/criterion.h>

#include <cmath>
#include <cstdlib>
#include <type_traits>

#include "tests/unit/wire/handshake_fixture.h"

using namespace vpnd;
using namespace vpnd::wire;
using namespace vpnd::test;
using Reply = Initiator::Reply;

namespace {

void start() {
  crypto::init();
}

// The answers, called with each of the 12 handshakes.
template<typename Check>
void each_vector(Check check) {
  const Value file = load_json("vpnd1-draft-kat.json");
  int seen = 0;
  for (const Value& v : file.at("vectors")) {
    check(v);
    ++seen;
  }
  cr_assert_eq(seen, 12);
}

void same_keys(const Negotiated& a, const Negotiated& b) {
  cr_assert(crypto::equal(a.c2s.bytes(), b.c2s.bytes()));
  cr_assert(crypto::equal(a.s2c.bytes(), b.s2c.bytes()));
  cr_assert(a.hash == b.hash);
  cr_assert(a.cipher == b.cipher);
}

static_assert(std::is_nothrow_move_constructible_v<Initiator>);
static_assert(std::is_nothrow_move_assignable_v<Initiator>);
static_assert(std::is_nothrow_move_constructible_v<Responder>);
static_assert(std::is_nothrow_move_assignable_v<Responder>);

}  // namespace

TestSuite(handshake, .init = start);

Test(handshake, known_answers) {
  each_vector([](const Value& v) {
    const ClientIdentity client = client_of(v);
    const ServerIdentity server = server_of(v);
    Initiator initiator = initiator_of(v, client);
    cr_assert_eq(hex(initiator.block()), text(v, "block_c1"));
    const auto gate = Responder::open(server, transport(v), initiator.block());
    cr_assert(gate.has_value());
    cr_assert_eq(gate->pad_len, 7);
    cr_assert_eq(gate->time, opening_of(v).time);
    cr_assert_eq(gate->sender_index, opening_of(v).sender_index);
    cr_assert_eq(gate->nonce_id, load_le64(bytes(v, "nonce_c1").data()));
    cr_assert_eq(hex(Bytes(gate->noise).first(gate->noise_len)), text(v, "noise_c1"));
    Responder responder(server, *gate, transport(v));
    cr_assert(responder.read() == Drop::none);
    cr_assert(responder.hello() == hello_c(v));
    cr_assert_eq(responder.peer() != nullptr, !shared(v));
    if (!shared(v)) cr_assert_eq(responder.peer()->name, "client");
    cr_assert_eq(hex(responder.identity().view()),
                 text(v, shared(v) ? "instance_id" : "client_static_public"));
    const Block s1 = answer(v, responder);
    cr_assert_eq(hex(s1), text(v, "block_s1"));
    cr_assert(initiator.read(s1) == Reply::session);
    cr_assert(initiator.hello() == hello_s(v));
    cr_assert_eq(initiator.reply_pad(), 3);
    cr_assert_eq(initiator.server_time(), hello_s(v).server_time);
    const Negotiated mine = initiator.take(), theirs = responder.take();
    same_keys(mine, theirs);
    cr_assert_eq(hex(mine.hash), text(v, "handshake_hash"));
    cr_assert_eq(hex(mine.c2s.bytes()), text(v, "split_c2s"));
    cr_assert_eq(hex(mine.s2c.bytes()), text(v, "split_s2c"));
    cr_assert_eq(static_cast<int>(mine.cipher), v.at("cipher_id").number<int>());
  });
}

namespace {

// c1 of a gate-reply vector; `next` is the one that follows the reply.
Initiator reply_opening(const Value& v, const Value& like, const ClientIdentity& id, bool next) {
  const char* field = next ? "block_c1_next" : "block_c1";
  const Block block = array<kBlock>(v, field);
  const Plain plain = unsealed(block, id.gate.c2s, ad_of_c1(v));
  Initiator::Opening o = opening_of(like);
  o.time = load_le64(&plain[8]);
  o.clock_unsure = load_le16(&plain[6]) == kFlagClockUnsure;
  o.sender_index = load_le32(&plain[16]);
  std::copy_n(&plain[20], 16, o.retry_cookie.begin());
  BlockRandom random;
  std::copy_n(block.begin(), kGateNonce, random.nonce.begin());
  random.pad_len = load_le16(&plain[4]);
  Initiator made(id, o, test::key(v, "client_ephemeral_secret"), random);
  cr_assert_eq(hex(made.block()), hex(block));
  return made;
}

void check_gate_reply(const Value& v) {
  const Value like = vector_of(text(v, "mode").c_str(), text(v, "transport").c_str());
  const ClientIdentity client = client_of(v);
  const ServerIdentity server = server_of(v);
  Initiator first = reply_opening(v, like, client, false);
  const auto gate = Responder::open(server, transport(v), first.block());
  cr_assert(gate.has_value());
  const Block reply = array<kBlock>(v, "block_reply");
  const Plain inside = unsealed(reply, server.gate.s2c, ad_of_s1(v, first.block()));
  BlockRandom random;
  std::copy_n(reply.begin(), kGateNonce, random.nonce.begin());
  random.pad_len = load_le16(&inside[4]);
  const WallMs now = load_le64(&inside[8]);
  ByteArray<16> cookie{};
  std::copy_n(&inside[20], 16, cookie.begin());
  const bool clock = text(v, "reply") == "clock";
  const Block made = clock ? clock_reply(server, *gate, transport(v), now, random)
                           : retry_reply(server, *gate, now, cookie, random);
  cr_assert_eq(hex(made), hex(reply));
  cr_assert_eq((gate->flags & kFlagClockUnsure) != 0, clock);
  for (std::size_t i = 0; i < kBlock; ++i) {
    cr_assert(first.read(flipped(reply, i, i % 8)) == Reply::invalid);
  }
  cr_assert(first.read(reply) == (clock ? Reply::clock : Reply::retry));
  cr_assert_eq(first.server_time(), now);
  cr_assert(first.retry_cookie() == cookie);
  cr_assert_eq(first.reply_pad(), random.pad_len);
  cr_assert(first.read(reply) == Reply::invalid);  // it is over
  cr_assert_throw((void)first.take(), std::logic_error);
  Initiator next = reply_opening(v, like, client, true);
  const auto again = Responder::open(server, transport(v), next.block());
  cr_assert(again.has_value());
  cr_assert(again->retry_cookie == cookie);
  cr_assert_eq(again->flags, 0);
  Responder responder(server, *again, transport(v));
  cr_assert(responder.read() == Drop::none);
}

}  // namespace

Test(handshake, gate_replies) {
  const Value file = load_json("vpnd1-draft-kat.json");
  cr_assert_eq(file.at("gate_replies").size(), 5u);
  for (const Value& v : file.at("gate_replies")) check_gate_reply(v);
}

Test(handshake, a_changed_c1_is_refused) {
  each_vector([](const Value& v) {
    const ClientIdentity client = client_of(v);
    const ServerIdentity server = server_of(v);
    Initiator initiator = initiator_of(v, client);
    const Block c1 = initiator.block();
    for (std::size_t i = 0; i < kBlock; ++i) {
      cr_assert(!Responder::open(server, transport(v), flipped(c1, i, i % 8)), "byte %zu", i);
    }
    cr_assert(Responder::open(server, transport(v), c1).has_value());
  });
}

// Behind the gate, which everybody with an access key can pass: each byte of the Noise message and
// of the header, which the prologue covers.
Test(handshake, a_changed_noise_message_is_refused) {
  for (const char* mode : {"S", "P"}) {
    const Value v = vector_of(mode);
    const ClientIdentity client = client_of(v);
    const ServerIdentity server = server_of(v);
    Initiator initiator = initiator_of(v, client);
    const Gate gate = *Responder::open(server, transport(v), initiator.block());
    const auto result = [&](const Gate& g) {
      Responder responder(server, g, transport(v));
      const Drop drop = responder.read();
      if (drop != Drop::none) cr_assert(responder.read() == Drop::bad_handshake);
      return drop;
    };
    for (std::size_t i = 0; i < gate.noise_len; ++i) {
      Gate bad = gate;
      bad.noise = flipped(gate.noise, i, i % 8);
      cr_assert(result(bad) == Drop::bad_handshake, "%s byte %zu", mode, i);
    }
    for (std::size_t i = 0; i < kGateHeader; ++i) {
      Gate bad = gate;
      bad.header = flipped(gate.header, i, i % 8);
      cr_assert(result(bad) == Drop::bad_handshake, "%s header %zu", mode, i);
    }
    Gate cut = gate;
    --cut.noise_len;
    cr_assert(result(cut) == Drop::bad_handshake);
    cr_assert(result(gate) == Drop::none);
  }
}

Test(handshake, a_changed_s1_changes_nothing) {
  each_vector([](const Value& v) {
    const ClientIdentity client = client_of(v);
    const ServerIdentity server = server_of(v);
    Initiator initiator = initiator_of(v, client);
    const Gate gate = *Responder::open(server, transport(v), initiator.block());
    Responder responder(server, gate, transport(v));
    cr_assert(responder.read() == Drop::none);
    const Block s1 = answer(v, responder);
    for (std::size_t i = 0; i < kBlock; ++i) {
      cr_assert(initiator.read(flipped(s1, i, i % 8)) == Reply::invalid, "byte %zu", i);
    }
    // Somebody with the gate keys alone, that is any other client of the server.
    const auto ad = ad_of_s1(v, initiator.block());
    const Plain inside = unsealed(s1, server.gate.s2c, ad);
    for (std::size_t i = 0; i < 176; ++i) {
      const Block forged = sealed(flipped(inside, 36 + i, i % 8), server.gate.s2c, ad);
      cr_assert(initiator.read(forged) == Reply::invalid, "noise byte %zu", i);
    }
    cr_assert(initiator.read(s1) == Reply::session);
    same_keys(initiator.take(), responder.take());
  });
}

Test(handshake, other_transport_direction_key_or_session_is_refused) {
  const Value v = vector_of("S"), p = vector_of("P");
  const ClientIdentity client = client_of(v);
  const ServerIdentity server = server_of(v), other = server_of(p);
  Initiator a = initiator_of(v, client);
  cr_assert(!Responder::open(server, Transport::datagram, a.block()));
  cr_assert(!Responder::open(other, Transport::stream, a.block()));
  // An answer to another opening of the same client.
  BlockRandom random = random_c1(v);
  crypto::random_bytes(random.nonce);
  Initiator b(client, opening_of(v), crypto::random_key(), random);
  const Gate gate = *Responder::open(server, Transport::stream, b.block());
  Responder responder(server, gate, Transport::stream);
  cr_assert(responder.read() == Drop::none);
  const Block s1 = answer(v, responder);
  cr_assert(a.read(s1) == Reply::invalid);
  cr_assert(a.read(a.block()) == Reply::invalid);  // reflected
  cr_assert(!Responder::open(server, Transport::stream, s1));
  cr_assert(b.read(s1) == Reply::session);
}

Test(handshake, a_key_that_is_not_in_the_list_gets_silence) {
  const Value v = vector_of("P");
  const ClientIdentity client = client_of(v);
  ServerIdentity server = server_of(v);
  const Initiator initiator = initiator_of(v, client);
  const Gate gate = *Responder::open(server, Transport::stream, initiator.block());
  const PeerEntry revoked = std::move(server.peers[1]);
  server.peers.erase(server.peers.begin() + 1);
  Responder responder(server, gate, Transport::stream);
  cr_assert(responder.read() == Drop::unknown_peer);
  cr_assert(responder.peer() == nullptr);
  cr_assert_throw((void)answer(v, responder), std::logic_error);
}

Test(handshake, another_psk_of_the_peer_is_refused_by_the_client) {
  const Value v = vector_of("P");
  const ClientIdentity client = client_of(v);
  ServerIdentity server = server_of(v);
  server.peers[1].psk = crypto::random_key();
  Initiator initiator = initiator_of(v, client);
  const Gate gate = *Responder::open(server, Transport::stream, initiator.block());
  Responder responder(server, gate, Transport::stream);
  cr_assert(responder.read() == Drop::none);
  cr_assert(initiator.read(answer(v, responder)) == Reply::invalid);
}

Test(handshake, a_refusal_carries_its_status_and_no_keys) {
  for (const char* mode : {"S", "P"}) {
    const Value v = vector_of(mode);
    const ClientIdentity client = client_of(v);
    const ServerIdentity server = server_of(v);
    Initiator initiator = initiator_of(v, client);
    const Gate gate = *Responder::open(server, Transport::stream, initiator.block());
    Responder responder(server, gate, Transport::stream);
    cr_assert(responder.read() == Drop::none);
    HelloS no;
    no.status = Status::busy;
    no.cipher = crypto::Cipher::aegis256;  // of no meaning here
    const Block s1 = responder.write(no, crypto::random_key(), 5, random_s1(v));
    cr_assert(initiator.read(s1) == Reply::refused);
    cr_assert(initiator.hello().status == Status::busy);
    cr_assert_eq(initiator.server_time(), 5u);
    cr_assert_throw((void)initiator.take(), std::logic_error);
    cr_assert_throw((void)responder.take(), std::logic_error);
  }
}

Test(handshake, moved_ends_go_on) {
  const Value v = vector_of("P");
  const ClientIdentity client = client_of(v);
  const ServerIdentity server = server_of(v);
  Initiator first = initiator_of(v, client);
  Initiator initiator = std::move(first);
  const Gate gate = *Responder::open(server, Transport::stream, initiator.block());
  Responder made(server, gate, Transport::stream);
  cr_assert(made.read() == Drop::none);
  Responder responder = std::move(made);
  const Block s1 = answer(v, responder);
  std::optional<Responder> kept(std::move(responder));
  const Negotiated theirs = kept->take();
  kept.reset();
  cr_assert(initiator.read(s1) == Reply::session);
  same_keys(initiator.take(), theirs);
}

Test(handshake, block_random_is_drawn_from_the_source_given) {
  std::uint8_t next = 0;
  const Entropy counter = [&](MutBytes out) {
    for (auto& b : out) b = next++;
  };
  const BlockRandom a = draw_block_random(counter);
  cr_assert_eq(a.nonce[0], 0);
  cr_assert_eq(a.nonce[23], 23);
  bool low = false, high = false;
  for (int i = 0; i < 2000; ++i) {
    const BlockRandom r = draw_block_random([](MutBytes out) { crypto::random_bytes(out); });
    cr_assert(r.pad_len <= 1023);
    low = low || r.pad_len < 32;
    high = high || r.pad_len >= 1023 - 32;
  }
  cr_assert(low && high);
}

// Every bit of a block is set in half of the blocks: 8192 of them, made from fixed keys so that the
// outcome is always the same.
Test(handshake, blocks_look_uniform) {
  const Value v = vector_of("S");
  const ServerIdentity server = server_of(v);
  const Gate c1 = *Responder::open(server, Transport::stream, array<kBlock>(v, "block_c1"));
  constexpr int kBlocks = 8192;
  std::vector<int> ones(8 * kBlock);
  for (int n = 0; n < kBlocks; ++n) {
    BlockRandom random;
    ByteArray<4> number{};
    store_le32(number.data(), static_cast<std::uint32_t>(n));
    const auto digest = crypto::hash({number});
    std::copy_n(digest.begin(), random.nonce.size(), random.nonce.begin());
    const Block block = clock_reply(server, c1, Transport::stream, 0, random);
    for (std::size_t i = 0; i < ones.size(); ++i) ones[i] += (block[i / 8] >> (i % 8)) & 1;
  }
  const double bound = 5 * std::sqrt(kBlocks) / 2;
  for (std::size_t i = 0; i < ones.size(); ++i) {
    cr_assert(std::abs(ones[i] - kBlocks / 2) < bound, "bit %zu: %d", i, ones[i]);
  }
}
