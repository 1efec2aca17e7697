// SPDX-License-Identifier: ISC
// What three shells offer on a line that is being written, asked of the shells themselves.

#include <criterion/criterion.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <set>
#include <string>

#include "tests/cli/program.h"
#include "tests/support/built.h"

namespace fs = std::filesystem;

namespace {

using Names = std::set<std::string>;

constexpr char kScripts[] = VPND_SOURCE_DIR "/tests/cli/shells/ask.";
constexpr char kCompletions[] = VPND_SOURCE_DIR "/tools/packaging/completions";

std::string in_path(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::string rest = path != nullptr ? path : "";
  while (!rest.empty()) {
    const auto end = std::min(rest.find(':'), rest.size());
    const std::string file = rest.substr(0, end) + "/" + name;
    if (::access(file.c_str(), X_OK) == 0) return file;
    rest.erase(0, end + 1);
  }
  return {};
}

// A shell, in a folder of the test's own, that finds the program that was built.
class Shell {
 public:
  explicit Shell(std::string name) : name_(std::move(name)) {
    if (in_path(name_).empty()) cr_skip_test("there is no %s here", name_.c_str());
    cli::enter_folder();
    for (const char* folder : {"run", "run/away", "conf"}) fs::create_directory(folder);
    for (const char* file : {"run/home.sock", "run/away/office.sock", "conf/lab.toml", "my.key",
                             "notes.txt", "other.toml"}) {
      cli::write_file(file, "");
    }
    const std::string folder = fs::path(vpnd::test::vpnd_program()).parent_path();
    ::setenv("PATH", (folder + ":" + std::getenv("PATH")).c_str(), 1);
    ::setenv("HOME", fs::current_path().c_str(), 1);
  }

  // Folders without the slash behind them.
  Names offers(const std::string& line) const {
    const std::string command = fmt::format("'{}' {} '{}{}' '{}' '{}' </dev/null", in_path(name_),
                                            name_ == "fish"  ? "--no-config"
                                            : name_ == "zsh" ? "-f"
                                                             : "--norc",
                                            kScripts, name_, kCompletions, line);
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
    cr_assert(pipe != nullptr);
    std::string out;
    for (int c = 0; (c = std::fgetc(pipe.get())) != EOF;) out.push_back(static_cast<char>(c));
    Names names;
    for (std::string word : cli::lines(out)) {
      if (word.ends_with('/')) word.pop_back();
      if (!word.empty()) names.insert(std::move(word));
    }
    return names;
  }
  void exactly(const std::string& line, const Names& wanted) const {
    const Names got = offers(line);
    cr_assert(got == wanted, "%s, \"%s\": %s", name_.c_str(), line.c_str(), text(got).c_str());
  }
  void with(const std::string& line, const Names& wanted) const {
    const Names got = offers(line);
    for (const std::string& name : wanted) {
      cr_assert(got.contains(name), "%s, \"%s\": %s", name_.c_str(), line.c_str(),
                text(got).c_str());
    }
  }
  void without(const std::string& line, const std::string& name) const {
    cr_assert_not(offers(line).contains(name), "%s, \"%s\"", name_.c_str(), line.c_str());
  }

 private:
  static std::string text(const Names& names) { return fmt::format("{}", fmt::join(names, " ")); }
  std::string name_;
};

void commands_and_options(const Shell& shell) {
  Names first, of_peer;
  for (const cli::Command& command : cli::commands()) {
    first.insert(command.words[0]);
    if (command.words[0] == "peer") of_peer.insert(command.words[1]);
    Names options;
    for (const cli::Option& option : command.options) {
      options.insert(option.names.begin(), option.names.end());
    }
    shell.exactly("vpnd " + command.path + " -", options);
  }
  shell.exactly("vpnd ", first);
  shell.exactly("vpnd help ", first);
  shell.exactly("vpnd peer ", of_peer);
  shell.exactly("vpnd fing", {"fingerprint"});
}

void names_and_files(const Shell& shell) {
  shell.exactly("vpnd status --run-dir run ", {"home", "office"});
  shell.exactly("vpnd status --run-dir run off", {"office"});
  shell.with("vpnd up --config-dir conf ", {"lab", "other.toml"});
  shell.without("vpnd up --config-dir conf --run-dir run ", "home");
  shell.with("vpnd down --run-dir run ", {"home", "office"});
  shell.with("vpnd plan --config-dir conf ", {"server", "client", "lab"});
  shell.with("vpnd server ", {"my.key"});
  shell.with("vpnd plan server ", {"my.key"});
  shell.without("vpnd plan server ", "client");
  shell.with("vpnd status --run-dir ", {"run", "conf"});
  shell.without("vpnd status --run-dir ", "my.key");
  shell.exactly("vpnd client my.key host --kill-switch ", {"on", "session", "always", "off"});
  shell.exactly("vpnd peer revoke my.key ", {});
  // An option's value is not an argument.
  shell.with("vpnd client --mtu 1400 ", {"my.key"});
}

}  // namespace

Test(completion, bash_offers_commands_and_options) {
  commands_and_options(Shell("bash"));
}

Test(completion, bash_offers_names_and_files) {
  names_and_files(Shell("bash"));
}

Test(completion, zsh_offers_commands_and_options) {
  commands_and_options(Shell("zsh"));
}

Test(completion, zsh_offers_names_and_files) {
  names_and_files(Shell("zsh"));
}

Test(completion, fish_offers_commands_and_options) {
  commands_and_options(Shell("fish"));
}

Test(completion, fish_offers_names_and_files) {
  names_and_files(Shell("fish"));
}
