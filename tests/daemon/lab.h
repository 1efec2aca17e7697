// SPDX-License-Identifier: ISC
#pragma once

// Real vpnd processes between hosts of a laboratory:
//
//   client0 --- 10.71.1.0/24 --- +--------+
//   client1 --- 10.71.2.0/24 --- | router | -- 203.0.113.0/24 -- server -- 198.51.100.0/24 --
//   target
//   ...                          +--------+                             2001:db8:5::/64
//
// The target has no route beyond its own network: whatever it answers came through the server's
// address translation. Clients have a default route to the router and nothing else.

#include <memory>
#include <string>
#include <vector>

#include "core/base/addr.h"
#include "tests/support/built.h"
#include "tests/support/netns.h"
#include "tests/support/snapshot.h"

namespace vpnd::test {

class Lab {
 public:
  explicit Lab(int clients = 1);

  // What start_server() and start_client() run: the shipped program, or a variant of it.
  std::string server_program = vpnd_program(), client_program = vpnd_program();

  const Namespace& client(int i = 0) const { return *clients_[static_cast<std::size_t>(i)]; }
  const Namespace& router() const { return router_; }
  const Namespace& server() const { return server_; }
  const Namespace& target() const { return target_; }

  static constexpr const char* kServer = "203.0.113.2";
  static constexpr const char* kTarget4 = "198.51.100.2";
  static constexpr const char* kTarget6 = "2001:db8:5::2";

  // Writes a mode-S key, once; its path.
  std::string key();
  // Options that keep this process's files apart: --state-dir, --run-dir.
  std::vector<std::string> places(const std::string& who);
  // `vpnd server KEY` in the server's namespace with these further words; waits until it listens.
  Child start_server(const std::vector<std::string>& words = {}, const std::string& key = {});
  // `vpnd client KEY HOST 443 TUN` of client i, waits until it is connected. TUN is "vpn0".
  Child start_client(int i = 0, const std::vector<std::string>& options = {},
                     const std::string& key = {}, const std::string& host = kServer);
  // The same, not waited for.
  Child begin_client(int i, const std::vector<std::string>& options, const std::string& key,
                     const std::string& host);
  // A command of the program, in a namespace, with the places of `who`.
  Finished vpnd(const Namespace&, const std::string& who, std::vector<std::string> words);

  // The files that run_server() and run_client() are for, and the words that run them; written anew
  // by each call.
  std::vector<std::string> server_file(const std::string& settings,
                                       const std::string& interface = {});
  std::vector<std::string> client_file(const std::string& settings);
  // `vpnd run` of a file whose sections [server] and [interface] have these lines; waits until it
  // is ready.
  Child run_server(const std::string& settings, const std::string& interface = {});
  // `vpnd run` of a file with these further lines, as client 0; waits until it is connected.
  Child run_client(const std::string& settings);
  // dnsmasq on the router, at 10.71.1.1 and 203.0.113.1; it knows that one name.
  Child start_resolver(const std::string& name, const std::string& address) const;
  // `ip` with these words, separated by blanks.
  Finished try_ip(const Namespace&, const std::string& words) const;
  void ip(const Namespace&, const std::string& words) const;  // throws Error with its output
  // One ping; true if it was answered.
  bool ping(const Namespace& from, const std::string& to, int seconds = 2) const;
  // The inner IPv4 address of a client's device, by the ip command; empty: none.
  std::string address(const Namespace&, const std::string& device = "vpn0") const;
  Snapshot snapshot(const Namespace&) const;
  // A resolver file for this process and those that it starts, over the machine's own.
  bool use_resolver_file(const std::string& text) const;
  // The process of that kind below a keeper: the engine is its child.
  static std::vector<pid_t> children(pid_t);
  const std::string& directory() const { return directory_; }

 private:
  std::vector<std::unique_ptr<Namespace>> clients_;
  Namespace router_, server_, target_;
  std::string directory_;
};

// Where most tests have their Responder.
inline const Address kTarget4 = *Address::parse(Lab::kTarget4);
inline const Address kTarget6 = *Address::parse(Lab::kTarget6);
inline constexpr std::uint16_t kPort = 7777;

// Everything in the size that is asked for (VPND_FULL) rather than in the one that a test has time
// for.
bool full_figures();

// The program of another build, with another libsodium, that VPND_OTHER names; empty: none.
std::string other_program();
// What a program says it offers, the best first.
std::vector<std::string> ciphers_of(const std::string& program);

// Runs `check` every 20 ms until it is true or so many seconds have passed.
bool eventually(const std::function<bool()>& check, double seconds = 5);

}  // namespace vpnd::test
