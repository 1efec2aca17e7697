// SPDX-License-Identifier: ISC
#include "tools/arguments.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <map>

#include "core/base/error.h"
#include "core/plan/suggest.h"
#include "tools/command.h"

namespace vpnd {
namespace {

using Names = std::vector<std::string>;

constexpr int kMostWords = 16;

// Binds the whole table to one Arguments.
class Grammar {
 public:
  explicit Grammar(Arguments& out) : out_(out) {
    app_.require_subcommand(0, 1);
    for (const Command& command : all_commands()) add(command);
  }

  void parse(Names reversed) { app_.parse(reversed); }

 private:
  // "peer" of "peer add" is there once.
  CLI::App& parent_of(const std::string& path) {
    const auto blank = path.find(' ');
    if (blank == std::string::npos) return app_;
    const std::string first = path.substr(0, blank);
    CLI::App*& parent = parents_[first];
    if (parent != nullptr) return *parent;
    parent = app_.add_subcommand(first);
    parent->require_subcommand(1);
    return *parent;
  }

  // The arguments are counted and checked where they are used, with better words.
  void add(const Command& command) {
    CLI::App* app =
        parent_of(command.path).add_subcommand(command.path.substr(command.path.rfind(' ') + 1));
    app->callback([this, &command] { out_.command = &command; });
    app->set_help_flag("-h,--help", "");
    if (!command.form.empty()) {
      app->add_option("arguments", out_.positional)->expected(0, kMostWords);
    }
    for (const Option& option : command.options) add(*app, option);
  }

  void add(CLI::App& app, const Option& option) {
    CLI::Option* made =
        std::visit([&](auto member) { return bind(app, option, out_.*member); }, option.target);
    if (!option.value.empty()) made->type_name(option.value);
    if (!option.excludes.empty()) made->excludes(app.get_option(option.excludes));
  }

  static CLI::Option* bind(CLI::App& app, const Option& option, bool& to) {
    return app.add_flag(option.names, to);
  }
  static CLI::Option* bind(CLI::App& app, const Option& option, unsigned& to) {
    return app.add_flag_function(option.names,
                                 [&to](std::int64_t n) { to = static_cast<unsigned>(n); });
  }
  static CLI::Option* bind(CLI::App& app, const Option& option, std::string& to) {
    return app.add_option(option.names, to);
  }
  static CLI::Option* bind(CLI::App& app, const Option& option, std::optional<unsigned>& to) {
    return app.add_option(option.names, to)
        ->check(CLI::Range(option.least, option.most).description(""));
  }
  static CLI::Option* bind(CLI::App& app, const Option& option, Names& to) {
    return app.add_option(option.names, to)->allow_extra_args(false);
  }

  Arguments& out_;
  CLI::App app_{"vpnd", "vpnd"};
  std::map<std::string, CLI::App*> parents_;
};

// The words that may follow: "add" after "peer".
Names words_after(const std::string& prefix) {
  Names out;
  for (const Command& command : all_commands()) {
    if (!command.path.starts_with(prefix)) continue;
    const std::string rest = command.path.substr(prefix.size());
    const std::string word = rest.substr(0, rest.find(' '));
    if (out.empty() || out.back() != word) out.push_back(word);
  }
  return out;
}

// The words of which a command's name consists, as far as they go: "peer", "add".
Names command_path(const Names& words) {
  Names path;
  std::string prefix;
  for (const std::string& word : words) {
    const Names known = words_after(prefix);
    if (known.empty() || word.starts_with('-')) break;
    if (std::ranges::find(known, word) == known.end()) {
      throw usage_error(
          fmt::format("no command \"{}{}\"{}", prefix, word, plan::did_you_mean(word, known)),
          "\"vpnd help\" lists the commands");
    }
    path.push_back(word);
    prefix += word + " ";
  }
  return path;
}

// CLI11's sentences, without its class names and as one line in our form.
[[noreturn]] void complain(const CLI::ParseError& error, const std::string& command) {
  std::string line = error.what();
  std::replace(line.begin(), line.end(), '\n', ' ');
  while (!line.empty() && line.back() == ' ') line.pop_back();
  throw usage_error(fmt::format("{}: {}", command, line),
                    fmt::format("\"vpnd help {}\" shows its form", command));
}

// What "help" is asked for, whichever way.
void ask_for_help(Arguments& arguments, const Names& words) {
  arguments.command = find_command("help");
  arguments.positional = command_path(words);
}

}  // namespace

Arguments parse_arguments(int argc, const char* const* argv) {
  Arguments arguments;
  const Names words(argv + std::min(argc, 1), argv + argc);
  if (words.empty()) return arguments;
  if (words.front() == "--version" || words.front() == "-V") {
    arguments.command = find_command("version");
    return arguments;
  }
  if (words.front().starts_with('-') && words.front() != "-h" && words.front() != "--help") {
    throw usage_error(fmt::format("no option \"{}\" before a command", words.front()),
                      "\"vpnd help\" lists the commands");
  }
  const Names path = command_path(words);
  Grammar grammar(arguments);
  // A word behind "--watch" is a name and not its value.
  Names reversed(words.rbegin(), words.rend());
  if (words.front() == "status") {
    std::ranges::replace(reversed, std::string("--watch"), std::string("--watch=1"));
  }
  try {
    grammar.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    ask_for_help(arguments, path);
  } catch (const CLI::ParseError& error) {
    complain(error, words.front());
  }
  if (arguments.command == find_command("help")) ask_for_help(arguments, arguments.positional);
  return arguments;
}

}  // namespace vpnd
