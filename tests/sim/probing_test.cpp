// SPDX-License-Identifier: ISC
// What a prober can measure: when the server closes, and how that depends on what was sent. Kinds
// of probes are told apart by the Kolmogorov-Smirnov distance of their closing times.

#include <criterion/criterion.h>

#include <algorithm>
#include <cmath>

#include "tests/sim/world.h"

namespace vpnd::sim {
namespace {

using namespace std::chrono_literals;

constexpr int kRounds = 25, kOfKind = 16;  // 400 closings of each kind
constexpr double kChance = 0.01;  // of a false alarm, of all comparisons of one test together

using Seconds = std::vector<double>;
double seconds(Duration d) {
  return std::chrono::duration<double>(d).count();
}

double distance(Seconds a, Seconds b) {
  std::ranges::sort(a);
  std::ranges::sort(b);
  double most = 0;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const double at = std::min(a[i], b[j]);
    while (i < a.size() && a[i] <= at) ++i;
    while (j < b.size() && b[j] <= at) ++j;
    most = std::max(most, std::abs(static_cast<double>(i) / static_cast<double>(a.size()) -
                                   static_cast<double>(j) / static_cast<double>(b.size())));
  }
  return most;
}

// Further apart than two samples of one distribution are but for once in `comparisons / kChance`.
bool differ(const Seconds& a, const Seconds& b, std::size_t comparisons) {
  const auto n = static_cast<double>(a.size()), m = static_cast<double>(b.size());
  const double critical = std::sqrt(-std::log(kChance / static_cast<double>(comparisons) / 2) / 2);
  return distance(a, b) > critical * std::sqrt(1 / n + 1 / m);
}

// What a server should look like: uniform between its two limits, as a very large sample.
Seconds ideal() {
  Seconds out;
  for (int i = 0; i <= 100'000; ++i) {
    out.push_back(seconds(wire::kUnauthMin) +
                  seconds(wire::kUnauthMax - wire::kUnauthMin) * i / 100'000);
  }
  return out;
}

struct Kind {
  std::string name;
  std::function<Raw(Network&)> words;
  bool dribbles = false;  // byte by byte, over ten seconds
};

Raw garbage(Network& net, std::size_t size) {
  Raw out(size);
  for (auto& b : out) b = static_cast<std::uint8_t>(net.random()());
  return out;
}

Raw text(const char* words) {
  const std::string s(words);
  return {s.begin(), s.end()};
}

// The first of a connection of somebody with another key: well formed in every respect.
Raw wrong_key(Network& net) {
  const auto last = static_cast<std::uint8_t>(net.random()() % 200);
  Host& other = net.add_client(client_settings(last, 8), outside(last, 7));
  Raw opening;
  net.run_until(
      [&] {
        const Link* l = net.live_link(other);
        if (l != nullptr && l->opening.size() > wire::kBlock) opening = l->opening;
        return !opening.empty();
      },
      2s);
  net.kill(other);
  cr_assert_geq(opening.size(), wire::kBlock);
  return opening;
}

std::vector<Kind> kinds(const Raw& replayed) {
  std::vector<Kind> out{{"nothing", [](Network&) { return Raw(); }}};
  for (const std::size_t size : {1u, 16u, 100u, 255u, 256u, 257u, 2000u, 9000u}) {
    out.push_back({std::to_string(size) + " bytes of garbage",
                   [=](Network& net) { return garbage(net, size); }});
  }
  out.push_back({"300 bytes, one by one", [](Network& net) { return garbage(net, 300); }, true});
  out.push_back({"a web browser", [](Network&) {
                   return text("GET / HTTP/1.1\r\nHost: vpn.example.net\r\nAccept: */*\r\n\r\n");
                 }});
  out.push_back({"a TLS hello", [](Network& net) {
                   Raw hello = garbage(net, 517);
                   const Raw head{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3};
                   std::ranges::copy(head, hello.begin());
                   return hello;
                 }});
  out.push_back({"an opening with a wrong key", wrong_key});
  out.push_back({"a replayed opening", [=](Network&) { return replayed; }});
  out.push_back({"a truncated opening", [=](Network&) {
                   return Raw(replayed.begin(), replayed.begin() + wire::kBlock / 2);
                 }});
  out.push_back({"an opening with one bit wrong", [=](Network& net) {
                   Raw words = replayed;
                   words[net.random()() % wire::kBlock] ^= 16;
                   return words;
                 }});
  return out;
}

// Says it all at once, or byte by byte.
void tell(Network& net, const std::vector<std::pair<Link*, Raw>>& slow) {
  for (std::size_t i = 0; i < 300; ++i) {
    for (const auto& [link, words] : slow) {
      if (i < words.size()) net.say(*link, Bytes(words).subspan(i, 1));
    }
    net.run_for(33ms);
  }
}

struct Observed {
  std::string name;
  Seconds closings;
  bool silent = true;
};

struct Probe {
  Link* link;
  std::size_t kind;
  TimePoint since;
};

// One round: some of each kind at the same time, each from a source of its own. `meddle` sees every
// link once its words are on their way, with the number of its kind.
void observe(unsigned seed, const std::function<void(Link&, std::size_t)>& meddle,
             std::vector<Observed>& out) {
  Network net(seed);
  net.start_server(server_settings());
  Host& client = net.add_client(client_settings(1), outside(10));
  cr_assert(net.run_until([&] { return joined(net, client); }, 5s));
  const std::vector<Kind> probes = kinds(net.live_link(client)->opening);
  if (out.empty())
    for (const Kind& k : probes) out.push_back({k.name, {}, true});
  std::vector<Probe> probing;
  std::vector<std::pair<Link*, Raw>> slow;
  for (std::size_t k = 0; k < probes.size(); ++k) {
    for (std::uint8_t i = 0; i < kOfKind; ++i) {
      const Raw words = probes[k].words(net);
      Link& l = net.stranger({Address::v4(10, 0, static_cast<std::uint8_t>(k), i), 4000});
      probing.push_back({&l, k, net.now().mono});
      if (probes[k].dribbles) {
        slow.emplace_back(&l, words);
      } else {
        net.say(l, words);
      }
      if (meddle) meddle(l, k);
    }
  }
  tell(net, slow);
  net.run_for(65s);
  for (const Probe& p : probing) {
    Observed& o = out[p.kind];
    cr_assert(p.link->closed_at.has_value(), "%s: never closed", o.name.c_str());
    o.closings.push_back(seconds(*p.link->closed_at - p.since));
    o.silent = o.silent && p.link->heard.empty();
  }
}

std::vector<Observed> observe(unsigned seed,
                              const std::function<void(Link&, std::size_t)>& meddle = {}) {
  std::vector<Observed> out;
  for (unsigned round = 0; round < kRounds; ++round) observe(1000 * seed + round, meddle, out);
  return out;
}

// Which kinds a prober can tell from the first.
std::vector<std::string> told_apart(const std::vector<Observed>& seen) {
  std::vector<std::string> out;
  for (std::size_t i = 1; i < seen.size(); ++i) {
    if (differ(seen.front().closings, seen[i].closings, seen.size())) out.push_back(seen[i].name);
  }
  return out;
}

Test(probing, the_time_of_closing_does_not_tell_what_was_sent) {
  const auto seen = observe(21);
  const Seconds uniform = ideal();
  for (const Observed& o : seen) {
    cr_assert_eq(o.closings.size(), static_cast<std::size_t>(kRounds * kOfKind));
    cr_assert(o.silent, "%s was answered", o.name.c_str());
    cr_assert_not(differ(o.closings, uniform, seen.size()), "%s: %f", o.name.c_str(),
                  distance(o.closings, uniform));
  }
  for (const std::string& name : told_apart(seen)) cr_assert_fail("%s", name.c_str());
}

// Who has the key of the gate and is no peer, like one whose key was revoked, is told no more.
Test(probing, nor_who_has_the_key_of_the_gate_alone) {
  Seconds closings;
  std::size_t refused = 0;
  for (unsigned round = 0; round < kRounds; ++round) {
    Network net(24'000 + round);
    wire::ServerKey key{test_key(40), test_key(41)};
    const wire::ClientIdentity revoked =
        wire::client_identity(wire::ClientKey{crypto::public_key(key.secret), key.access.clone(),
                                              test_key(50), test_key(51)},
                              "key");
    engine::ServerSettings settings = server_settings();
    settings.identity = wire::server_identity(std::move(key), {}, "key");
    const Host& server = net.start_server(std::move(settings));
    std::vector<Probe> probing;
    for (std::uint8_t i = 0; i < kOfKind; ++i) {
      wire::Initiator::Opening opening;
      opening.hello.ciphers = crypto::offered_ciphers();
      opening.time = net.now().wall;
      const wire::Initiator initiator(revoked, opening, test_key(i),
                                      wire::draw_block_random(net.entropy()));
      Link& l = net.stranger({Address::v4(10, 2, 0, i), 4000});
      probing.push_back({&l, 0, net.now().mono});
      net.say(l, initiator.block());
    }
    net.run_for(65s);
    for (const Probe& p : probing) {
      cr_assert(p.link->closed_at.has_value() && p.link->heard.empty());
      closings.push_back(seconds(*p.link->closed_at - p.since));
    }
    refused += server.engine->counters().drops[static_cast<std::size_t>(Drop::unknown_peer)];
  }
  cr_assert_not(differ(closings, ideal(), 1), "%f", distance(closings, ideal()));
  cr_assert_eq(refused, closings.size(), "some were refused for another reason");
}

// The controls: a server that closes one kind at once, and one that is only a little hasty with it.
// That kind is found, and no other.
Test(probing, a_server_that_closes_one_kind_early_is_found_out) {
  constexpr std::size_t kOdd = 5;
  const auto at_once = [](Link& l, std::size_t kind) { l.to_client.fin_sent |= kind == kOdd; };
  auto seen = observe(22, at_once);
  for (const bool hasty : {false, true}) {
    if (hasty) {
      seen[kOdd].closings = seen[kOdd + 1].closings;
      for (double& closing : seen[kOdd].closings) closing = 5 + (closing - 5) * 0.75;
    }
    const auto found = told_apart(seen);
    cr_assert_eq(found.size(), 1u, "%zu are told apart", found.size());
    cr_assert_eq(found.front(), seen[kOdd].name);
  }
}

// Of so many connections, how many are closed before any deadline can be.
std::size_t closed_early(Network& net, const Kind& kind, int count, bool one_source) {
  std::vector<Link*> links;
  for (int i = 0; i < count; ++i) {
    const Raw words = kind.words(net);
    const auto n = static_cast<std::uint8_t>(i);
    Link& l = net.stranger({Address::v4(10, 1, 1, one_source ? 1 : n), n});
    net.say(l, words);
    net.run_for(12ms);  // it has been judged when the next one comes
    links.push_back(&l);
  }
  net.run_for(30ms);
  const auto closed =
      std::ranges::count_if(links, [](const Link* l) { return l->closed_at.has_value(); });
  net.run_for(65s);
  return static_cast<std::size_t>(closed);
}

// Few are kept of one source, and few of all together; how many does not depend on what they said,
// nor on whether they come so fast that what one source says is not even looked at any more.
Test(probing, the_number_of_connections_that_are_kept_does_not_tell_either) {
  engine::Room room;
  room.half_open = 64;
  Network net(23);
  net.start_server(server_settings(), room);
  Host& client = net.add_client(client_settings(1), outside(10));
  cr_assert(net.run_until([&] { return joined(net, client); }, 5s));
  for (const Kind& kind : kinds(net.live_link(client)->opening)) {
    const std::size_t least = 56 - room.half_open_per_source;
    cr_assert_eq(closed_early(net, kind, 56, true), least, "%s, of one source", kind.name.c_str());
    cr_assert_eq(closed_early(net, kind, 90, false), 26u, "%s", kind.name.c_str());
  }
}

}  // namespace
}  // namespace vpnd::sim
