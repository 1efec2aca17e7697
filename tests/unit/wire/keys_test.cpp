// SPDX-License-Identifier: ISC
#include "core/wire/keys.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "crypto/hash.h"
#include "crypto/key_text.h"
#include "crypto/random.h"
#include "tests/vectors/vectors.h"

using namespace vpnd;
using namespace vpnd::wire;
using test::hex;
using test::Value;
using Buffer = std::vector<std::uint8_t>;

namespace {

void start() {
  crypto::init();
}

Buffer buffer(const std::string& text) {
  return Buffer(text.begin(), text.end());
}

KeyFile parsed(Buffer content) {
  return parse_key_file(content, "home.key");
}

std::string shared_hex(Buffer content) {
  return hex(std::get<SharedKey>(parsed(std::move(content))).key.bytes());
}

Value vector_of(const char* mode) {
  const Value file = test::load_json("vpnd1-draft-kat.json");
  for (const Value& v : file.at("vectors")) {
    if (test::text(v, "mode") == mode) return v;
  }
  return {};
}

// The file is refused, and the message names it, says `why`, and tells what to do: `remedy`.
void refused(Buffer content, const std::string& why, const std::string& remedy) {
  const Buffer before = content;
  try {
    (void)parse_key_file(content, "home.key");
  } catch (const Error& e) {
    const std::string line = e.what();
    cr_assert(line.find("home.key") != std::string::npos, "%s", line.c_str());
    cr_assert(line.find(why) != std::string::npos, "%s", line.c_str());
    cr_assert(line.find('\n') == std::string::npos, "%s", line.c_str());
    cr_assert(e.remedy().find(remedy) != std::string::npos, "%s", e.remedy().c_str());
    cr_assert(e.code() == Exit::config);
    cr_assert(content == Buffer(before.size(), 0), "the bytes of a refused file stay in memory");
    return;
  }
  cr_assert_fail("accepted; expected: %s", why.c_str());
}

ClientKey sample_client() {
  return {crypto::public_key(crypto::random_key()), crypto::random_key(), crypto::random_key(),
          crypto::random_key()};
}

std::string list_error(const std::string& text) {
  try {
    (void)parse_peer_list(text, "peers");
  } catch (const Error& e) {
    cr_assert(!e.remedy().empty());
    return e.what();
  }
  return "accepted";
}

bool has(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

std::string some_key() {
  return crypto::base64(crypto::public_key(crypto::random_key()));
}

}  // namespace

TestSuite(keys, .init = start);

Test(keys, derivations_of_the_known_answers) {
  const Value s = vector_of("S");
  const crypto::Key file = test::key(s, "key_file");
  cr_assert_eq(hex(gate_keys_shared(file).c2s.bytes()), test::text(s, "gate_key_c2s"));
  cr_assert_eq(hex(gate_keys_shared(file).s2c.bytes()), test::text(s, "gate_key_s2c"));
  const Value p = vector_of("P");
  const auto gate =
      gate_keys_public(test::key(p, "access_key"), test::array<32>(p, "server_static_public"));
  cr_assert_eq(hex(gate.c2s.bytes()), test::text(p, "gate_key_c2s"));
  cr_assert_eq(hex(gate.s2c.bytes()), test::text(p, "gate_key_s2c"));
}

Test(keys, raw_and_base64_files) {
  Buffer raw(32);
  crypto::random_bytes(raw);
  cr_assert_eq(shared_hex(raw), hex(raw));
  const std::string text = crypto::base64(raw);
  cr_assert_eq(shared_hex(buffer(text)), hex(raw));
  cr_assert_eq(shared_hex(buffer(text + "\n")), hex(raw));
  cr_assert_eq(shared_hex(buffer(text + "\r\n")), hex(raw));
}

Test(keys, raw_bytes_may_be_any_that_are_random) {
  // A raw key may begin like a line of base64, or end in what looks like a line end.
  Buffer raw(32, 'A');
  raw[0] = 0x80;
  raw[31] = '\n';
  cr_assert_eq(shared_hex(raw), hex(raw));
}

Test(keys, content_is_wiped) {
  Buffer content(32);
  crypto::random_bytes(content);
  (void)parse_key_file(content, "home.key");
  cr_assert(content == Buffer(32, 0));
}

Test(keys, wrong_sizes) {
  refused({}, "is empty", "vpnd genkey --shared");
  for (const std::size_t n : {1u, 31u, 33u, 43u, 45u, 64u, 1000u}) {
    refused(Buffer(n, 0x90), std::to_string(n) + " bytes long", "vpnd genkey --shared");
  }
}

Test(keys, guessable_keys) {
  refused(Buffer(32, 0), "same byte", "vpnd genkey --shared");
  refused(Buffer(32, 0xff), "same byte", "vpnd genkey --shared");
  refused(buffer("correct horse battery staple 123"), "typed text", "vpnd genkey --shared");
  refused(buffer("correct horse battery staple 12\n"), "typed text", "vpnd genkey --shared");
  refused(buffer(crypto::base64(Buffer(32, 7))), "same byte", "vpnd genkey --shared");
  refused(buffer(crypto::base64(buffer("correct horse battery staple 123"))), "typed text",
          "vpnd genkey --shared");
  Buffer one_off(32, 'x');
  one_off[20] = 0x7f;  // DEL cannot be typed
  cr_assert_eq(shared_hex(one_off), hex(one_off));
}

Test(keys, damaged_base64) {
  refused(buffer(std::string(43, 'A') + "!"), "not base64", "copy the key file again");
  refused(buffer(std::string(44, 'A')), "not base64", "copy the key file again");
}

Test(keys, client_line_of_the_known_answer) {
  const Value v = vector_of("P");
  const std::string line = test::text(v, "key_line");
  for (const char* end : {"", "\n", "\r\n"}) {
    const KeyFile file = parsed(buffer(line + end));
    const auto& key = std::get<ClientKey>(file);
    cr_assert_eq(hex(key.server), test::text(v, "server_static_public"));
    cr_assert_eq(hex(key.access.bytes()), test::text(v, "access_key"));
    cr_assert_eq(hex(key.secret.bytes()), test::text(v, "client_static_secret"));
    cr_assert_eq(hex(key.psk.bytes()), test::text(v, "client_psk"));
    cr_assert_eq(client_line(key), line);
    cr_assert_eq(line.size(), 11u + 194u);
  }
}

Test(keys, server_line_round_trip) {
  const ServerKey key{crypto::random_key(), crypto::random_key()};
  const std::string line = server_line(key);
  cr_assert_eq(line.size(), 14u + 108u);
  const KeyFile back = parsed(buffer(line + "\n"));
  const auto& again = std::get<ServerKey>(back);
  cr_assert(crypto::equal(again.secret.bytes(), key.secret.bytes()));
  cr_assert(crypto::equal(again.access.bytes(), key.access.bytes()));
}

Test(keys, damaged_lines) {
  const std::string good = client_line(sample_client());
  refused(buffer(good.substr(0, good.size() - 1)), "193 characters", "vpnd peer add");
  refused(buffer(good + "A"), "195 characters", "vpnd peer add");
  refused(buffer(good + "\n\n"), "195 characters", "vpnd peer add");
  std::string foreign = good;
  foreign[50] = '+';
  refused(buffer(foreign), "does not belong", "vpnd peer add");
  refused(buffer("vpnd-key-2:" + good.substr(11)), "begins with", "newer vpnd");
  refused(buffer("vpnd-server-1:" + good.substr(11)), "194 characters", "backup");
  refused(buffer("vpnd-key"), "begins with", "copy the whole line");
}

Test(keys, each_character_of_a_line_is_under_the_checksum) {
  const std::string good = client_line(sample_client());
  for (std::size_t i = 11; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = bad[i] == 'Q' ? 'g' : 'Q';
    Buffer content = buffer(bad);
    cr_assert_throw((void)parse_key_file(content, "home.key"), Error, "character %zu", i);
  }
  std::string bad = good;
  bad[40] = bad[40] == 'Q' ? 'g' : 'Q';
  refused(buffer(bad), "checksum", "vpnd peer add");
}

Test(keys, a_line_of_another_version) {
  Buffer raw(145, 5);
  raw[0] = 2;
  const auto sum = crypto::mac16({}, {std::span<const std::uint8_t>(raw).first(129)});
  std::copy(sum.begin(), sum.end(), raw.begin() + 129);
  refused(buffer("vpnd-key-1:" + crypto::base64url(raw)), "version 2", "newer vpnd");
}

Test(keys, a_line_with_a_point_of_low_order) {
  ClientKey key = sample_client();
  key.server.fill(0);
  refused(buffer(client_line(key)), "no server can have", "vpnd peer add");
}

Test(keys, identities_of_each_side) {
  const Value v = vector_of("P");
  ClientIdentity c = client_identity(parsed(buffer(test::text(v, "key_line"))), "k");
  cr_assert(c.mode == Mode::public_key);
  cr_assert_eq(hex(c.own), test::text(v, "client_static_public"));
  cr_assert_eq(hex(c.gate.c2s.bytes()), test::text(v, "gate_key_c2s"));
  cr_assert_eq(hex(c.psk.bytes()), test::text(v, "client_psk"));
  const ServerKey key{test::key(v, "server_static_secret"), test::key(v, "access_key")};
  ServerIdentity s = server_identity(parsed(buffer(server_line(key))), {}, "k");
  cr_assert(s.mode == Mode::public_key);
  cr_assert_eq(hex(s.own), test::text(v, "server_static_public"));
  cr_assert_eq(hex(s.gate.s2c.bytes()), test::text(v, "gate_key_s2c"));
  const Value sv = vector_of("S");
  const Buffer file = test::bytes(sv, "key_file");
  cr_assert_eq(hex(client_identity(parsed(file), "k").gate.c2s.bytes()),
               test::text(sv, "gate_key_c2s"));
  cr_assert_eq(hex(server_identity(parsed(file), {}, "k").gate.s2c.bytes()),
               test::text(sv, "gate_key_s2c"));
}

Test(keys, the_key_of_the_other_side_is_refused) {
  const std::string server = server_line({crypto::random_key(), crypto::random_key()});
  const std::string client = client_line(sample_client());
  try {
    (void)client_identity(parsed(buffer(server)), "a.key");
    cr_assert_fail("accepted");
  } catch (const Error& e) {
    cr_assert(has(e.what(), "a.key is the key of a server"));
    cr_assert(has(e.remedy(), "vpnd peer add"));
    cr_assert(e.code() == Exit::config);
  }
  try {
    (void)server_identity(parsed(buffer(client)), {}, "b.key");
    cr_assert_fail("accepted");
  } catch (const Error& e) {
    cr_assert(has(e.what(), "b.key is the key of a client"));
    cr_assert(has(e.remedy(), "genkey --server"));
  }
  Buffer shared(32);
  crypto::random_bytes(shared);
  std::vector<PeerEntry> peers(1);
  cr_assert_throw((void)server_identity(parsed(shared), std::move(peers), "c.key"), Error);
}

Test(keys, fingerprints) {
  const Value v = vector_of("P");
  const ServerKey key{test::key(v, "server_static_secret"), test::key(v, "access_key")};
  const std::string server = fingerprint(parsed(buffer(server_line(key))));
  const std::string client = fingerprint(parsed(buffer(test::text(v, "key_line"))));
  cr_assert_eq(server, client);
  cr_assert_eq(server.size(), 10u + 16u);
  cr_assert(server.starts_with("vpnd-fp-1:"));
  Buffer a(32), b(32);
  crypto::random_bytes(a);
  crypto::random_bytes(b);
  cr_assert_eq(fingerprint(parsed(a)), fingerprint(parsed(buffer(crypto::base64(a)))));
  cr_assert_neq(fingerprint(parsed(a)), fingerprint(parsed(b)));
  cr_assert_neq(fingerprint(parsed(a)), server);
}

Test(keys, peer_list_round_trip) {
  PeerEntry one;
  one.name = "alice-laptop";
  one.key = crypto::public_key(crypto::random_key());
  one.psk = crypto::random_key();
  PeerEntry two;
  two.name = "bob";
  two.key = crypto::public_key(crypto::random_key());
  two.address = Address::v4(10, 9, 0, 20);
  const std::string text = "# clients\n\n" + peer_line(one) + "  # on the road\r\n\t" +
                           peer_line(two);  // the last line without an end
  const auto peers = parse_peer_list(text, "peers");
  cr_assert_eq(peers.size(), 2u);
  cr_assert_eq(peers[0].name, "alice-laptop");
  cr_assert(peers[0].key == one.key);
  cr_assert(crypto::equal(peers[0].psk.bytes(), one.psk.bytes()));
  cr_assert(!peers[0].address);
  cr_assert(peers[1].key == two.key);
  cr_assert(crypto::equal(peers[1].psk.bytes(), crypto::Key().bytes()));
  cr_assert(peers[1].address == two.address);
  cr_assert(parse_peer_list("", "peers").empty());
  cr_assert(parse_peer_list("#x", "peers").empty());
}

Test(keys, peer_list_errors_name_the_line) {
  const std::string k = some_key(), psk = some_key();
  cr_assert(has(list_error("\nbob " + k), "peers, line 2: 2 words"));
  cr_assert(has(list_error("bob " + k + " " + psk + " 10.0.0.1 x"), "line 1: 5 words"));
  cr_assert(has(list_error("b/b " + k + " " + psk), "the name"));
  cr_assert(has(list_error("bob " + k.substr(1) + " " + psk), "the public key of bob"));
  cr_assert(has(list_error("bob " + std::string(43, 'A') + "= " + psk), "the public key of bob"));
  cr_assert(has(list_error("bob " + k + " none"), "the PSK of bob"));
  cr_assert(has(list_error("bob " + k + " " + psk + " 10.0.0.300"), "not an IPv4 address"));
  cr_assert(has(list_error("bob " + k + " " + psk + " fd00::1"), "not an IPv4 address"));
  const std::string one = "bob " + k + " " + psk + " 10.0.0.1\n";
  cr_assert(has(list_error(one + "bob " + some_key() + " " + psk), "line 2: the name bob"));
  cr_assert(has(list_error(one + "eve " + k + " " + psk), "stands in line 1"));
  cr_assert(has(list_error(one + "eve " + some_key() + " " + psk + " 10.0.0.1"), "10.0.0.1"));
}

Test(keys, find_tells_near_keys_apart) {
  ServerIdentity s;
  for (int i = 0; i < 300; ++i) {
    PeerEntry peer;
    peer.name = std::to_string(i);
    crypto::random_bytes(peer.key);
    s.peers.push_back(std::move(peer));
  }
  for (const std::size_t i : {0u, 150u, 299u}) {
    cr_assert_eq(s.find(s.peers[i].key), &s.peers[i]);
    for (std::size_t bit = 0; bit < 256; ++bit) {
      cr_assert(s.find(test::flipped(s.peers[i].key, bit / 8, bit % 8)) == nullptr);
    }
  }
  s.peers.clear();
  cr_assert(s.find({}) == nullptr);
}
