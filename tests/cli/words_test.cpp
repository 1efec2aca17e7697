// SPDX-License-Identifier: ISC

// The command line itself: help, version, and what is said about mistakes.

#include <criterion/criterion.h>

#include <string>

#include "tests/cli/program.h"

using cli::Outcome;
using cli::run;

namespace {

using Words = std::vector<std::string>;

// Nothing runs there.
cli::Setting nowhere() {
  const std::string folder = cli::enter_folder();
  return {.input = {},
          .environment = {{"RUNTIME_DIRECTORY", folder}, {"STATE_DIRECTORY", folder}},
          .before = {}};
}

}  // namespace

Test(words, alone_it_shows_the_help_when_nothing_runs) {
  const Outcome alone = run({}, nowhere());
  cr_assert_eq(alone.code, 0);
  cr_assert_eq(alone.out, run({"help"}).out);
  cr_assert_eq(alone.out, run({"--help"}).out);
}

Test(words, status_says_that_nothing_runs) {
  const cli::Setting setting = nowhere();
  for (const Words& words :
       {Words{"status"}, Words{"status", "--json"}, Words{"status", "vpn0"}, Words{"confirm"},
        Words{"confirm", "vpn0"}, Words{"status", "--watch"}, Words{"status", "--watch", "vpn0"},
        Words{"events"}, Words{"events", "vpn0"}, Words{"metrics"}, Words{"metrics", "vpn0"},
        Words{"top"}, Words{"top", "vpn0"}, Words{"wait", "vpn0", "--timeout=1"}}) {
    const Outcome asked = run(words, setting);
    cr_assert_eq(asked.code, 3, "%d %s", asked.code, asked.err.c_str());
    cr_assert_eq(asked.out, "");
  }
}

// A file that does not say which device is meant is a mistake, not a tunnel that does not run.
Test(words, a_name_may_be_that_of_a_file) {
  const cli::Setting setting = nowhere();
  cli::write_file("home.toml", "mode = \"nonsense\"\n");
  for (const std::string command : {"status", "events", "metrics", "top", "wait", "reload",
                                    "confirm", "check", "doctor", "down"}) {
    const Outcome bad = run({command, "--config-dir", ".", "home"}, setting);
    cr_assert_eq(bad.code, 78, "%s: %d %s", command.c_str(), bad.code, bad.err.c_str());
    cr_assert_neq(bad.err.find("home.toml"), std::string::npos, "%s", bad.err.c_str());
  }
}

Test(words, waiting_for_the_end_of_what_does_not_run_is_over_at_once) {
  cr_assert_eq(run({"wait", "vpn0", "--for=down"}, nowhere()).code, 0);
}

Test(words, reload_needs_a_tunnel_that_runs) {
  const cli::Setting setting = nowhere();
  for (const Words& words : {Words{"reload"}, Words{"reload", "vpn0"}}) {
    const Outcome asked = run(words, setting);
    cr_assert_eq(asked.code, 3, "%d %s", asked.code, asked.err.c_str());
    cr_assert_eq(asked.out, "");
  }
  cr_assert_eq(run({"reload", "vpn0", "vpn1"}, setting).code, 64);
  cr_assert_eq(run({"reload", "--now"}, setting).code, 64);
}

Test(words, each_command_has_help_of_its_own) {
  const auto commands = cli::commands();
  cr_assert_geq(commands.size(), 17u);
  for (const cli::Command& command : commands) {
    const std::string name = command.path;
    Words words{"help"};
    for (const std::string& word : command.words) words.push_back(word);
    const Outcome asked = run(words);
    cr_assert_eq(asked.code, 0, "%s", name.c_str());
    cr_assert(asked.out.starts_with("usage: vpnd " + name), "%s", asked.out.c_str());
    words.erase(words.begin());
    words.push_back("--help");
    cr_assert_eq(run(words).out, asked.out, "%s", name.c_str());
  }
  cr_assert_neq(run({"help", "peer"}).out.find("vpnd peer revoke"), std::string::npos);
}

// With what the help says it takes, and nothing else.
Test(words, each_option_of_the_help_is_known) {
  std::size_t options = 0;
  for (const cli::Command& command : cli::commands()) {
    for (const cli::Option& option : command.options) {
      for (const std::string& name : option.names) {
        Words words = command.words;
        words.push_back(name);
        if (!option.value.empty()) words.push_back("2000");
        words.push_back("--nonsense");
        const Outcome outcome = run(words);
        cr_assert_eq(outcome.code, 64, "%s %s", command.path.c_str(), name.c_str());
        const std::string first = cli::lines(outcome.err).at(0);
        cr_assert(first.find("--nonsense") != std::string::npos, "%s", first.c_str());
        cr_assert(first.find(name) == std::string::npos, "%s", first.c_str());
        ++options;
      }
    }
  }
  cr_assert_geq(options, 30u);
}

Test(words, an_unknown_command_is_one_line_with_a_suggestion) {
  const Outcome near = run({"sever"});
  cr_assert_eq(near.code, 64);
  cr_assert_eq(near.out, "");
  cr_assert_neq(near.err.find("did you mean \"server\""), std::string::npos);
  const Outcome far = run({"xyzzy", "vpn.key"});
  cr_assert_eq(far.code, 64);
  cr_assert_eq(far.err.find("did you mean"), std::string::npos);
  cr_assert_neq(run({"peer", "ad"}).err.find("did you mean \"add\""), std::string::npos);
}

Test(words, mistakes_are_usage_errors_of_one_line_and_a_remedy) {
  const std::vector<Words> wrong = {
      {"--nonsense"},
      {"status", "--nonsense"},
      {"status", "a", "b"},
      {"status", "--watch=0"},
      {"status", "--watch=soon"},
      {"top", "a", "b"},
      {"top", "--json"},
      {"events", "a", "b"},
      {"metrics", "a", "b"},
      {"wait"},
      {"wait", "a", "b"},
      {"wait", "a", "--for=ever"},
      {"wait", "a", "--timeout=-1"},
      {"check", "a", "b"},
      {"doctor", "a", "b"},
      {"doctor", "--fix"},
      {"server"},
      {"client"},
      {"client", "vpn.key"},
      {"client", "vpn.key", "host", "0"},
      {"client", "vpn.key", "host", "65536"},
      {"client", "vpn.key", "host", "http"},
      {"client", "vpn.key", "host", "443", "a/b"},
      {"client", "vpn.key", "host", "443", "sixteen-letters-"},
      {"client", "vpn.key", "host", "443", "vpn0", "1.2.3"},
      {"client", "vpn.key", "host", "443", "vpn0", "10.0.0.1", "10.0.0.1"},
      {"client", "vpn.key", "host", "443", "vpn0", "auto", "auto", "auto", "more"},
      {"client", "--timeout", "-1", "vpn.key", "host"},
      {"client", "--mtu", "10", "vpn.key", "host"},
      {"client", "--timeout", "vpn.key", "host"},
      {"server", "--timeout", "3", "vpn.key"},
      {"server", "vpn.key", "auto", "auto", "auto", "10.0.0.1", "10.0.1.1"},
      {"run"},
      {"run", "a.toml", "b.toml"},
      {"run", ""},
      {"run", ".."},
      {"plan"},
      {"plan", "client", "vpn.key"},
      {"plan", "client", "vpn.key", "192.0.2.1", "--format=yaml"},
      {"plan", "client", "vpn.key", "192.0.2.1", "--format"},
      {"plan", "server", "vpn.key", "--exclude", "10.0.0.0/8"},
      {"up"},
      {"up", "a", "b"},
      {"down"},
      {"down", "a", "b"},
      {"check", "--config"},
      {"check", "--effective", "a", "b"},
      {"check", "--json", "a.toml"},
      {"peer"},
      {"peer", "add", "vpn.key"},
      {"fingerprint"},
      {"genkey", "a", "b"},
      {"help", "nonsense"},
      {"version", "now"},
  };
  for (const Words& words : wrong) {
    std::string all;
    for (const std::string& word : words) all += word + " ";
    const Outcome outcome = run(words);
    cr_assert_eq(outcome.code, 64, "%s: exit %d: %s", all.c_str(), outcome.code,
                 outcome.err.c_str());
    cr_assert_eq(outcome.out, "", "%s", all.c_str());
    const auto said = cli::lines(outcome.err);
    cr_assert(!said.empty() && said[0].starts_with("vpnd: "), "%s", all.c_str());
    for (std::size_t i = 1; i < said.size(); ++i) {
      cr_assert(said[i].starts_with("  "), "%s: %s", all.c_str(), said[i].c_str());
    }
  }
}

Test(words, the_version_names_protocol_and_library) {
  const Outcome text = run({"version"});
  cr_assert_eq(text.code, 0);
  cr_assert_eq(text.out, run({"--version"}).out);
  cr_assert_neq(text.out.find("libsodium"), std::string::npos);
  const Outcome json = run({"version", "--json"});
  cr_assert(json.out.starts_with("{\"schema\":\"vpnd.version/1\""));
}

// By names, the best first; what is there everywhere is the last.
Test(words, the_version_names_the_ciphers) {
  const std::string text = run({"version"}).out, json = run({"version", "--json"}).out;
  cr_assert(text.ends_with("chacha20-poly1305\n"), "%s", text.c_str());
  cr_assert(json.ends_with("\"chacha20-poly1305\"]}\n"), "%s", json.c_str());
  const auto listed = cli::lines(text);
  cr_assert(listed.size() == 2 && listed[1].starts_with("ciphers: "), "%s", text.c_str());
  const auto gcm = text.find("aes-256-gcm"), aegis = text.find("aegis-256");
  const bool old = text.find("libsodium 1.0.18") != std::string::npos;
  if (gcm != std::string::npos) cr_assert_lt(gcm, text.find("chacha20"), "%s", text.c_str());
  if (aegis != std::string::npos) {
    cr_assert_not(old, "AEGIS-256 came with 1.0.19");
    cr_assert_lt(aegis, text.find("chacha20"), "%s", text.c_str());
    if (gcm != std::string::npos) cr_assert_lt(aegis, gcm, "%s", text.c_str());
  }
}
