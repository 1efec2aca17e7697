// SPDX-License-Identifier: ISC
// The host's resolver. A tunnel must come up whatever the state of that: what cannot be set is told
// and does without.
#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/base/log.h"
#include "linux/held.h"
#include "linux/resolver.h"
#include "linux/resolver_bus.h"
#include "linux/resolver_file.h"

namespace vpnd::nl {
namespace {

std::string directory_of(const Sockets& s) {
  return s.journal ? s.journal->directory() : "";
}

std::string list(const std::vector<Address>& servers) {
  std::string out;
  for (const Address& a : servers) out += (out.empty() ? "" : " ") + a.text();
  return out;
}

// There is one resolver file, and the first tunnel has it.
void refuse_if_taken(const Sockets& s) {
  for (const JournalCopy& copy : journals(directory_of(s))) {
    const bool other = !s.journal || copy.interface != s.journal->interface();
    if (other && copy.living && std::ranges::find(copy.lines, kResolverNote) != copy.lines.end()) {
      throw Error("change the resolver file", 0, "the tunnel " + copy.interface + " has it");
    }
  }
}

class HeldResolver final : public plan::Held {
 public:
  HeldResolver(Sockets& s, const DnsServers& dns) : sockets_(s), dns_(dns) {}

  void set() {
    const bool elsewhere = of_another_network();
    std::string why = elsewhere ? "the resolver file is of another network namespace" : "";
    for (const DnsMethod method : dns_methods(dns_.mode, elsewhere)) {
      try {
        const std::string how = method == DnsMethod::resolved ? tell() : write();
        sockets_.dns = fmt::format("{}, {}", list(dns_.servers), how);
        return;
      } catch (const Error& e) {
        log(Level::info, "{}", e.what());
        why += (why.empty() ? "" : "; ") + std::string(e.what());
      }
    }
    log(Level::warning, "the resolver is not set: {}", why);
    sockets_.dns = "not set: " + why;
  }

  ~HeldResolver() override {
    sockets_.dns.clear();
    try {
      if (link_ != 0) untell_resolved(link_);
    } catch (const Error& e) {
      log(Level::info, "{}", e.what());  // it forgets with the device
    }
    if (!note_) return;
    try {
      const Fd lock = serialise(directory_of(sockets_));
      (void)restore_resolver_file(dns_.interface, directory_of(sockets_));
    } catch (const Error& e) {
      log(Level::warning, "{}", e.what());
      note_->leave();
    }
  }

 private:
  std::string tell() {
    const int link = need_link(sockets_, dns_.interface, "name its resolvers").index;
    tell_resolved(dns_, link, dns_.mode == plan::DnsMode::resolved);
    link_ = link;
    return "by systemd-resolved";
  }

  std::string write() {
    const Fd lock = serialise(directory_of(sockets_));
    refuse_if_taken(sockets_);
    auto note = std::make_unique<Note>(sockets_, kResolverNote);
    std::string how = write_resolver_file(dns_, directory_of(sockets_));
    note_ = std::move(note);
    return how;
  }

  Sockets& sockets_;
  DnsServers dns_;
  int link_ = 0;
  std::unique_ptr<Note> note_;  // while the file is ours
};

}  // namespace

HeldPtr hold(Sockets& s, const DnsServers& dns) {
  auto held = std::make_unique<HeldResolver>(s, dns);
  held->set();
  return held;
}

// What resolved was told is not asked again: it would be an errand for every status.
bool is_present(Sockets& s, const DnsServers& dns) {
  if (s.dns.starts_with(list(dns.servers) + ", by systemd-resolved")) return true;
  return s.dns.find(", by ") != s.dns.npos && resolver_file_is_ours(dns.interface);
}

void sweep_resolver(Sockets& s, const std::string& interface, const std::string& directory,
                    std::vector<std::string>& done) {
  if (of_another_network()) return;
  const Fd lock = serialise(directory);
  for (const JournalCopy& copy : journals(directory)) {
    const bool self = s.journal && copy.interface == s.journal->interface();
    const bool has = std::ranges::find(copy.lines, kResolverNote) != copy.lines.end();
    if (copy.living && !self && copy.interface != interface && has) return;
  }
  try {
    if (restore_resolver_file(interface, directory)) {
      done.push_back(fmt::format("{} back as it was", kResolverFile));
    }
  } catch (const Error& e) {
    log(Level::warning, "{}", e.what());
  }
}

}  // namespace vpnd::nl
