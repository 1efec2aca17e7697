// SPDX-License-Identifier: ISC
// Which keys take effect at once, and that no key is forgotten.

#include "core/plan/reload.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "tests/support/toml_texts.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

plan::ConfigChange change(const std::string& before, const std::string& next) {
  return plan::compare(plan::config_from_toml(before, "home.toml"),
                       plan::config_from_toml(next, "home.toml"));
}

using Keys = std::vector<std::string>;

void expect_change(const std::string& of, const std::string& more, const Keys& in_place,
                   const Keys& at_restart) {
  const plan::ConfigChange got = change(of, of + more);
  cr_expect((got == plan::ConfigChange{in_place, at_restart}), "%s: %s", more.c_str(),
            plan::reloaded(got).line.c_str());
}

}  // namespace

Test(reload, an_unchanged_file_changes_nothing) {
  for (const std::string& text : {kClient, kServer}) {
    cr_expect(change(text, text + "# another comment\n") == plan::ConfigChange{});
  }
}

Test(reload, keys_take_effect_or_wait) {
  expect_change(kClient, "routing.exclude = [\"192.0.2.0/24\"]\n", {"routing.exclude"}, {});
  expect_change(kClient, "routing.lan = [\"10.0.0.0/8\"]\n", {"routing.lan"}, {});
  expect_change(kClient, "kill_switch.mode = \"always\"\nlog.level = \"debug\"\n",
                {"log.level", "kill_switch.mode"}, {});
  expect_change(kClient, "dns.servers = [\"10.0.0.53\"]\n", {"dns.servers"}, {});
  expect_change(kClient, "interface.fwmark = 7\ninterface.mtu = 1300\n", {"interface.mtu"},
                {"interface.fwmark"});
  expect_change(kServer, "server.max_clients = 3\nserver.isolate = false\n",
                {"server.max_clients", "server.isolate"}, {});
  expect_change(kServer, "server.pool = \"10.9.0.0/24\"\n", {},
                {"server.pool", "server.address", "server.first_lease"});
  expect_change(kServer, "server.listen = \"*:444\"\n", {}, {"server.listen"});
  expect_change(kServer, "interface.queues = 3\n", {}, {"interface.queues"});
  cr_expect(change(kClient, kServer) == (plan::ConfigChange{{}, {"mode"}}));
}

// With what takes effect taken over, only what waits is left.
Test(reload, takes_over_what_takes_effect_and_nothing_else) {
  plan::Config running = client("log.level = \"error\"\n");
  const plan::Config next = client("interface.table = 9\nrouting.exclude = [\"192.0.2.0/24\"]\n");
  plan::take_over(running, next);
  const auto& now = std::get<plan::ClientConfig>(running);
  cr_expect_eq(now.exclude.size(), 1);
  cr_expect_eq(now.log_level, Level::info);
  cr_expect_eq(now.table, kDefaultTable);
  cr_expect(plan::compare(running, next) == (plan::ConfigChange{{}, {"interface.table"}}));
}

Test(reload, knows_each_key_of_the_schema) {
  std::set<std::string> known{"version"};  // there is one
  for (const auto& key : plan::reload_keys()) known.insert(key.key);
  for (const std::string& key : plan::config_keys()) {
    cr_expect(known.contains(key), "%s is not known", key.c_str());
  }
}

// The manual's list, "*key*" each, stands in one section.
Test(reload, the_manual_names_what_waits) {
  std::ifstream file(VPND_SOURCE_DIR "/tools/man/vpnd.toml.5.scd");
  std::set<std::string> written;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("# ")) inside = line == "# RELOADING";
    for (std::size_t at = 0; inside && (at = line.find('*', at)) != line.npos; ++at) {
      const std::size_t end = line.find('*', at + 1);
      if (end == line.npos) break;
      written.insert(line.substr(at + 1, end - at - 1));
      at = end;
    }
  }
  for (const auto& key : plan::reload_keys()) {
    cr_expect_eq(written.contains(key.key), key.at_restart, "%s", key.key.c_str());
  }
}

Test(reload, is_refused_without_a_file_and_at_the_end) {
  cr_expect_not(plan::cannot_reload(true, false));
  const auto no_file = plan::cannot_reload(false, false),
             stopping = plan::cannot_reload(true, true);
  cr_assert(no_file && stopping);
  cr_expect(no_file->code == Exit::usage && !no_file->remedy.empty());
  cr_expect(stopping->code == Exit::temporary);
}

// A failure is told as one, whatever code it came with.
Test(reload, a_bad_file_changes_nothing) {
  const auto bad = plan::reload([]() -> plan::ConfigChange { throw config_error("x:1:1: no"); });
  cr_expect(bad.code == Exit::config && bad.line == "x:1:1: no");
  const auto odd =
      plan::reload([]() -> plan::ConfigChange { throw Error("odd", 0, {}, Exit::ok); });
  cr_expect(odd.code == Exit::failure);
  const auto good = plan::reload([] { return plan::ConfigChange{{"log.level"}, {}}; });
  cr_expect(good.code == Exit::ok && good.line == "in force: log.level");
}

Test(reload, an_outcome_survives_the_socket) {
  const plan::Reloaded said{Exit::config, "home.toml:2:2: unknown key", "two\nlines"};
  const auto heard = plan::reloaded_from(plan::to_text(said));
  cr_assert(heard);
  cr_expect(heard->code == said.code && heard->line == said.line && heard->remedy == said.remedy);
  for (const char* text : {"", "0", "0\nx", "x\ny\nz", "-1\ny\nz", "256\ny\nz"}) {
    cr_expect_not(plan::reloaded_from(text), "%s", text);
  }
}
