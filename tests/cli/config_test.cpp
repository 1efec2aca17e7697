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
