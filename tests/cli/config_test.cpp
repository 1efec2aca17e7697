// SPDX-License-Identifier: ISC

// Which file a NAME or a FILE means.

#include <criterion/criterion.h>

#include <filesystem>
#include <string>

#include "tests/cli/program.h"

using cli::Outcome;

namespace {

using Words = std::vector<std::string>;

constexpr char kServer[] = "mode = \"server\"\nidentity.key = \"k\"\n";

// An empty folder of configurations, in a folder of the test's own.
void start() {
  cli::enter_folder();
  std::filesystem::create_directory("conf");
}

Outcome plan(const std::string& word, const Words& options = {"--config-dir", "conf"}) {
  Words words{"plan"};
  words.insert(words.end(), options.begin(), options.end());
  words.push_back(word);
  return cli::run(words);
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

Test(config, a_name_is_a_file_in_the_folder) {
  start();
  cli::write_file("conf/home.toml", kServer, 0644);
  const Outcome named = plan("home");
  cr_assert_eq(named.code, 0, "%s", named.err.c_str());
  cr_assert(has(named.out, "home"), "the device is called as the file: %s", named.out.c_str());
  cr_assert_eq(plan("conf/home.toml", {}).out, named.out);
  const Outcome managed = cli::run(
      {"plan", "home"},
      {.input = {}, .environment = {{"CONFIGURATION_DIRECTORY", "conf:elsewhere"}}, .before = {}});
  cr_assert_eq(managed.out, named.out, "%s", managed.err.c_str());
}

// A file of that name in the current folder is not meant.
Test(config, a_name_is_nothing_else) {
  start();
  cli::write_file("home", kServer, 0644);
  const Outcome outcome = plan("home");
  cr_assert_eq(outcome.code, 78);
  cr_assert(has(outcome.err, "conf/home.toml\n"), "%s", outcome.err.c_str());
  cr_assert(has(outcome.err, "write ./home"), "%s", outcome.err.c_str());
  cr_assert_eq(plan("./home").code, 0);
  cli::write_file("away.toml", kServer, 0644);
  cr_assert_eq(plan("away.toml").code, 0, "but what ends in .toml is a file, wherever it is");
}

Test(config, a_mistyped_name_is_one_line_with_a_suggestion) {
  start();
  cli::write_file("conf/home.toml", kServer, 0644);
  cli::write_file("conf/away.toml", kServer, 0644);
  const Outcome near = plan("hmoe");
  cr_assert_eq(near.code, 78);
  cr_assert(near.err.ends_with("\n  did you mean \"home\"?\n"), "%s", near.err.c_str());
  const Outcome far = plan("xyzzy");
  cr_assert_eq(far.code, 78);
  cr_assert_not(has(far.err, "did you mean"), "%s", far.err.c_str());
}

Test(config, a_mistake_is_named_with_file_line_and_column) {
  start();
  cli::write_file("conf/home.toml", std::string(kServer) + "[server]\nnat = 1\n", 0644);
  const Outcome outcome = plan("home");
  cr_assert_eq(outcome.code, 78);
  cr_assert(has(outcome.err, "conf/home.toml:4:7: \"server.nat\" must be true or false"), "%s",
            outcome.err.c_str());
}

Test(config, a_good_file_is_called_good) {
  start();
  cli::write_file("conf/home.toml", kServer, 0644);
  const Outcome by_name = cli::run({"check", "--config-dir", "conf", "--config", "home"});
  cr_assert_eq(by_name.code, 0, "%s", by_name.err.c_str());
  cr_assert(has(by_name.out, "conf/home.toml: good, a server"), "%s", by_name.out.c_str());
  cr_assert_eq(cli::run({"check", "conf/home.toml"}).code, 0);
  cr_assert_eq(cli::run({"check", "--config-dir", "conf", "home"}).code, 3, "that does not run");
}

Test(config, a_bad_file_is_named_with_its_place) {
  start();
  cli::write_file("conf/home.toml", std::string(kServer) + "[sevrer]\n", 0644);
  for (const Words& words :
       {Words{"check", "conf/home.toml"}, Words{"check", "--effective", "conf/home.toml"},
        Words{"up", "conf/home.toml"}}) {
    const Outcome outcome = cli::run(words);
    cr_assert_eq(outcome.code, 78, "%s", outcome.err.c_str());
    cr_assert_eq(outcome.err,
                 "vpnd: conf/home.toml:3:2: unknown key \"sevrer\" (did you mean \"server\"?)\n");
    cr_assert_eq(outcome.out, "");
  }
}

// What is printed is a file that means the same, wherever it is put.
Test(config, what_is_effective_is_a_file) {
  start();
  cli::write_file("conf/home.toml", kServer, 0644);
  const Outcome first = cli::run({"check", "--effective", "conf/home.toml"});
  cr_assert_eq(first.code, 0, "%s", first.err.c_str());
  cr_assert(has(first.out, "\nmax_connections = 4096\n"), "%s", first.out.c_str());
  cr_assert(has(first.out, "\nname = \"home\"\n"), "%s", first.out.c_str());
  std::filesystem::create_directory("elsewhere");
  cli::write_file("elsewhere/away.toml", first.out, 0644);
  const Outcome second = cli::run({"check", "--effective", "elsewhere/away.toml"});
  cr_assert_eq(second.out, first.out, "%s", second.err.c_str());
}

Test(config, an_option_of_a_client_is_none_of_a_servers) {
  start();
  cli::write_file("conf/home.toml", kServer, 0644);
  for (const Words& option : {Words{"--timeout", "3"}, Words{"--kill-switch", "on"},
                              Words{"--try", "3"}, Words{"--accept-risk", "lose-ssh"},
                              Words{"--keep-inbound"}, Words{"--exclude", "192.0.2.1"}}) {
    for (const char* command : {"run", "up"}) {
      Words words{command, "conf/home.toml"};
      words.insert(words.end(), option.begin(), option.end());
      const Outcome outcome = cli::run(words);
      cr_assert_eq(outcome.code, 64, "%s: %s", option[0].c_str(), outcome.err.c_str());
      cr_assert(has(outcome.err, option[0] + " is for a client"), "%s", outcome.err.c_str());
    }
  }
}

Test(config, down_says_that_nothing_runs) {
  start();
  cli::write_file("conf/home.toml", std::string(kServer) + "interface.name = \"vpn7\"\n", 0644);
  for (const char* word : {"home", "vpn7", "conf/home.toml", "nosuch"}) {
    const Outcome outcome = cli::run({"down", "--run-dir", ".", "--config-dir", "conf", word});
    cr_assert_eq(outcome.code, 3, "%s", outcome.err.c_str());
    cr_assert_eq(outcome.err, "vpnd: no tunnel \"" + std::string(word) + "\" runs\n");
  }
}
