// SPDX-License-Identifier: ISC
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "core/base/text.h"
#include "core/wire/keys.h"
#include "crypto/key_text.h"

namespace vpnd::wire {
namespace {

constexpr std::size_t kMaxName = 64;
constexpr const char* kForm = "a line is: NAME PUBLIC-KEY PSK [ADDRESS], keys in base64";

bool good_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= kMaxName &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '-' || c == '@';
         });
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (auto word = take_word(line); !word.empty(); word = take_word(line)) words.push_back(word);
  return words;
}

PeerEntry parse_entry(const std::vector<std::string_view>& words, const std::string& where) {
  if (words.size() < 3 || words.size() > 4) {
    throw config_error(fmt::format("{}: {} words instead of 3 or 4", where, words.size()), kForm);
  }
  PeerEntry peer;
  peer.name = words[0];
  if (!good_name(peer.name)) {
    throw config_error(
        fmt::format("{}: the name may have 1 to {} letters, digits, and . _ - @", where, kMaxName),
        kForm);
  }
  if (!crypto::from_base64(words[1], peer.key) || crypto::low_order(peer.key)) {
    throw config_error(fmt::format("{}: the public key of {} is not valid", where, peer.name),
                       "a public key is 44 characters of base64, as `vpnd pubkey` prints them");
  }
  if (!crypto::from_base64(words[2], peer.psk.mut())) {
    throw config_error(fmt::format("{}: the PSK of {} is not valid", where, peer.name),
                       "a PSK is 44 characters of base64; 43 times A and = stand for none");
  }
  if (words.size() == 4) {
    peer.address = Address::parse(words[3]);
    if (!peer.address || !peer.address->is_v4()) {
      throw config_error(
          fmt::format("{}: \"{}\" is not an IPv4 address", where, std::string(words[3])), kForm);
    }
  }
  return peer;
}

// Whatever must not stand there twice, and the line that has it.
class Unique {
 public:
  void add(const std::string& what, const std::string& where, std::size_t line) {
    const auto [at, fresh] = seen_.emplace(what, line);
    if (!fresh) {
      throw config_error(fmt::format("{}: {} stands in line {} already", where, what, at->second),
                         "remove one of the two lines");
    }
  }

 private:
  std::map<std::string, std::size_t> seen_;
};

}  // namespace

std::vector<PeerEntry> parse_peer_list(std::string_view text, const std::string& name) {
  std::vector<PeerEntry> peers;
  Unique unique;
  for (std::size_t number = 1; !text.empty(); ++number) {
    std::string_view line = take_until(text, '\n');
    line = take_until(line, '#');
    const auto words = words_of(line);
    if (words.empty()) continue;
    const std::string where = fmt::format("{}, line {}", name, number);
    PeerEntry peer = parse_entry(words, where);
    unique.add("the name " + peer.name, where, number);
    unique.add("the key " + std::string(words[1]), where, number);
    if (peer.address) unique.add("the address " + peer.address->text(), where, number);
    peers.push_back(std::move(peer));
  }
  return peers;
}

std::string peer_line(const PeerEntry& peer) {
  std::string line = fmt::format("{} {} {}", peer.name, crypto::base64(peer.key),
                                 crypto::base64(peer.psk.bytes()));
  if (peer.address) line += " " + peer.address->text();
  return line;
}

}  // namespace vpnd::wire
