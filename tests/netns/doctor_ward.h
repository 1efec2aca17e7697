// SPDX-License-Identifier: ISC
#pragma once

// A host with a network, on which something is wrong; and what follows the doctor's advice there.

#include <criterion/criterion.h>
#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "core/base/error.h"
#include "core/host.h"
#include "tests/support/built.h"
#include "tests/support/netns.h"
#include "tests/support/plans.h"

namespace vpnd::test {

struct Ward {
  Namespace ns;
  host::Places places{temporary_directory(), temporary_directory()};
  std::optional<plan::Config> config;

  Ward() {
    shell(
        "ip link add eth0 type veth peer name far0\n"
        "for dev in eth0 far0; do ip link set $dev addrgenmode none up; done\n"
        "ip addr add 10.0.0.2/24 dev eth0\n"
        "ip route add default via 10.0.0.1\n");
  }

  // As root would paste it.
  void shell(const std::string& script) const {
    const std::string bin = std::filesystem::path(vpnd_program()).parent_path().string();
    const Finished done =
        run_program({"sh", "-e", "-c", "PATH=" + bin + ":$PATH\n" + script}, ns.fd());
    if (done.status != 0) throw Error("run " + script + ": " + done.output);
  }

  plan::Findings look() const {
    plan::Findings found;
    ns.run([&] { found = host::doctor({}, config, places); });
    return found;
  }

  // The worst of that id.
  plan::Finding look_at(const std::string& id) const { return worst(look(), id); }

  static plan::Finding worst(const plan::Findings& all, const std::string& id) {
    plan::Finding out{id, plan::Verdict::skipped, "it is not there", {}, {}};
    constexpr plan::Verdict kOrder[] = {plan::Verdict::skipped, plan::Verdict::ok,
                                        plan::Verdict::note, plan::Verdict::problem};
    for (const plan::Verdict verdict : kOrder) {
      for (const plan::Finding& f : all) {
        if (f.id == id && f.verdict == verdict) out = f;
      }
    }
    return out;
  }

  void follow(const plan::Finding& f) const {
    for (const std::string& command : f.commands) {
      if (command.starts_with("systemctl ") || command.starts_with("nmcli ")) continue;
      shell(command);
    }
  }
};

inline void expect(const plan::Finding& f, plan::Verdict verdict, const std::string& words = {}) {
  cr_assert_eq(f.verdict, verdict, "%s is \"%s\": %s", f.id.c_str(),
               std::string(plan::verdict_name(f.verdict)).c_str(), f.detail.c_str());
  cr_assert_neq(f.detail.find(words), std::string::npos, "%s: %s", f.id.c_str(), f.detail.c_str());
}

// It is found, its commands are run, and it is found no more.
inline void expect_cured(const Ward& ward, const std::string& id, plan::Verdict verdict,
                         const std::string& words) {
  const plan::Finding ill = ward.look_at(id);
  expect(ill, verdict, words);
  cr_assert_not(ill.commands.empty(), "%s has no commands", id.c_str());
  ward.follow(ill);
  expect(ward.look_at(id), plan::Verdict::ok);
}

}  // namespace vpnd::test
