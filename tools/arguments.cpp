// SPDX-License-Identifier: ISC
#include "tools/arguments.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <string_view>

#include "core/base/error.h"
#include "core/plan/suggest.h"

namespace vpnd {
namespace {

constexpr std::string_view kShortHelp = R"(vpnd, a VPN for two machines or a few more

  vpnd server KEY [ADDR] [PORT] [TUN] [LOCAL-IP] [REMOTE-IP] [EXT-IP]
  vpnd client KEY HOST   [PORT] [TUN] [LOCAL-IP] [REMOTE-IP] [GATEWAY]
  vpnd run FILE            a tunnel described by a TOML file
  vpnd plan ...            what server, client or run would change; changes nothing
  vpnd status [NAME]       --json for programs
  vpnd cleanup [NAME]      undo what a killed process left

  vpnd genkey [FILE]       a shared key; --server for a server with a list of peers
  vpnd peer add|list|revoke KEY [NAME]
  vpnd pubkey [FILE]       vpnd fingerprint FILE

  vpnd demo                a tunnel in private namespaces, no root needed
  vpnd help COMMAND        vpnd version

Any positional argument but KEY and HOST may be "auto"; trailing ones may be left out.
)";

using Names = std::vector<std::string>;

const Names& top_commands() {
  static const Names names = {"server",      "client", "run",    "plan",   "status",
                              "cleanup",     "genkey", "peer",   "pubkey", "demo",
                              "fingerprint", "help",   "version"};
  return names;
}

// Binds the whole grammar to one Arguments.
class Grammar {
 public:
  explicit Grammar(Arguments& out) : out_(out) {
    app_.require_subcommand(0, 1);
    add_tunnel_commands();
    add_look_commands();
    add_key_commands();
    add_other_commands();
  }

  void parse(std::vector<std::string> reversed) { app_.parse(reversed); }

  std::string help(const Names& path) {
    CLI::App* app = &app_;
    for (const std::string& name : path) app = app->get_subcommand(name);
    return app == &app_ ? short_help() : app->help();
  }

 private:
  CLI::App* command(CLI::App& parent, Command which, const char* name, const char* description) {
    CLI::App* app = parent.add_subcommand(name, description);
    app->callback([this, which] { out_.command = which; });
    return app;
  }

  void add_places(CLI::App& app) {
    app.add_option("--state-dir", out_.state_dir, "where ids and secrets of the host are kept")
        ->type_name("DIR");
    app.add_option("--run-dir", out_.run_dir, "where the status sockets are")->type_name("DIR");
  }

  void add_running(CLI::App& app) {
    add_places(app);
    app.add_option("--mtu", out_.mtu, "of the tunnel, in bytes")
        ->check(CLI::Range(std::uint16_t{576}, std::uint16_t{9000}))
        ->type_name("BYTES");
    app.add_flag_function(
        "-v,--verbose", [this](std::int64_t n) { out_.verbose = static_cast<unsigned>(n); },
        "log more");
    app.add_flag("-q,--quiet", out_.quiet, "log only what needs attention");
  }

  void add_timeout(CLI::App& app) {
    app.add_option("--timeout", out_.timeout,
                   "a client gives up when it was never connected for so long; 0: never")
        ->check(CLI::Range(0u, 86400u))
        ->type_name("SEC");
  }

  // The tunnel's own arguments are checked by the configuration, with better words.
  void add_positional(CLI::App& app, const char* name, const char* description, int most) {
    app.add_option(name, out_.positional, description)->expected(0, most)->type_name("");
  }

  void add_tunnel_commands() {
    CLI::App* server = command(app_, Command::server, "server", "wait for clients; ends with ^C");
    add_positional(*server, "arguments", "KEY [ADDR] [PORT] [TUN] [LOCAL-IP] [REMOTE-IP] [EXT-IP]",
                   16);
    add_running(*server);
    CLI::App* client = command(app_, Command::client, "client", "connect; ends with ^C");
    add_positional(*client, "arguments", "KEY HOST [PORT] [TUN] [LOCAL-IP] [REMOTE-IP] [GATEWAY]",
                   16);
    add_running(*client);
    add_timeout(*client);
    CLI::App* run = command(app_, Command::run, "run", "bring up the tunnel that FILE describes");
    add_positional(*run, "FILE", "configuration, see vpnd.toml(5)", 16);
    add_running(*run);
    CLI::App* plan =
        command(app_, Command::plan, "plan", "print each change that would be made, and make none");
    add_positional(*plan, "arguments", "server KEY ... | client KEY HOST ... | FILE", 16);
  }

  void add_look_commands() {
    CLI::App* status = command(app_, Command::status, "status", "what the tunnel does");
    add_positional(*status, "NAME", "of the tunnel; needed when several run", 1);
    status->add_flag("--json", out_.json, "for programs");
    add_places(*status);
    CLI::App* cleanup = command(app_, Command::cleanup, "cleanup", "undo what a dead process left");
    add_positional(*cleanup, "NAME", "of the interface; all of them without it", 1);
    add_places(*cleanup);
  }

  void add_key_commands() {
    CLI::App* genkey = command(app_, Command::genkey, "genkey", "make a key");
    add_positional(*genkey, "FILE",
                   "new file of mode 0600; without it, text to the standard output", 1);
    CLI::Option* shared =
        genkey->add_flag("--shared", out_.shared_key,
                         "one key for both sides, 32 raw bytes in a file (the default)");
    genkey
        ->add_flag("--server", out_.server_key, "of a server whose clients have keys of their own")
        ->excludes(shared);
    CLI::App* pubkey = command(app_, Command::pubkey, "pubkey", "print the public key of a key");
    add_positional(*pubkey, "FILE", "without it, or \"-\": the standard input", 1);
    CLI::App* print = command(app_, Command::fingerprint, "fingerprint",
                              "print a short text that is equal on both sides");
    add_positional(*print, "FILE", "a key file, or \"-\"", 1);

    CLI::App* peer = app_.add_subcommand("peer", "the clients of a server made by genkey --server");
    peer->require_subcommand(1);
    CLI::App* add = command(*peer, Command::peer_add, "add", "make a key for a new client");
    add_positional(*add, "arguments", "KEY NAME", 2);
    add->add_option("--address", out_.address, "inner IPv4 address it always gets")
        ->type_name("IP");
    add->add_option("-o,--output", out_.output, "new file for the client's key")->type_name("FILE");
    CLI::App* list = command(*peer, Command::peer_list, "list", "name, public key, pinned address");
    add_positional(*list, "KEY", "the server's key file", 1);
    CLI::App* revoke = command(*peer, Command::peer_revoke, "revoke", "shut a client out");
    add_positional(*revoke, "arguments", "KEY NAME", 2);
  }

  void add_other_commands() {
    CLI::App* demo = command(app_, Command::demo, "demo", "a tunnel in private namespaces");
    demo->add_flag("--keep", out_.keep, "leave it up until ^C, and say how to look at it");
    demo->add_flag_function(
        "-v,--verbose", [this](std::int64_t n) { out_.verbose = static_cast<unsigned>(n); },
        "show what server and client log");
    CLI::App* help = command(app_, Command::help, "help", "this, or more about one command");
    add_positional(*help, "COMMAND", "", 2);
    CLI::App* version = command(app_, Command::version, "version", "of vpnd and its libraries");
    version->add_flag("--json", out_.json, "for programs");
  }

  Arguments& out_;
  CLI::App app_{"vpnd", "vpnd"};
};

[[noreturn]] void unknown_command(const std::string& name) {
  const auto near = plan::nearest(name, top_commands());
  throw usage_error(near ? fmt::format("no command \"{}\" (did you mean \"{}\"?)", name, *near)
                         : fmt::format("no command \"{}\"", name),
                    "\"vpnd help\" lists the commands");
}

void check_command(const std::string& name) {
  const auto& known = top_commands();
  if (std::find(known.begin(), known.end(), name) == known.end()) unknown_command(name);
}

// CLI11's sentences, without its class names and as one line in our form.
[[noreturn]] void complain(const CLI::ParseError& error, const std::string& command) {
  std::string line = error.what();
  std::replace(line.begin(), line.end(), '\n', ' ');
  while (!line.empty() && line.back() == ' ') line.pop_back();
  throw usage_error(fmt::format("{}: {}", command, line),
                    fmt::format("\"vpnd help {}\" shows its form", command));
}

std::string help_for(Grammar& grammar, const Names& path) {
  if (!path.empty()) check_command(path.front());
  try {
    return grammar.help(path);
  } catch (const CLI::OptionNotFound&) {
    throw usage_error(fmt::format("no command \"{}\"", fmt::join(path, " ")),
                      "\"vpnd help\" lists the commands");
  }
}

// "vpnd peer add --help" as well as "vpnd help peer add".
Names command_path(const Names& words) {
  Names path;
  for (const std::string& word : words) {
    if (word.empty() || word.front() == '-' || path.size() == 2) break;
    if (path.size() == 1 && path.front() != "peer") break;
    path.push_back(word);
  }
  return path;
}

}  // namespace

std::string short_help() {
  return std::string(kShortHelp);
}

Arguments parse_arguments(int argc, const char* const* argv) {
  Arguments arguments;
  const Names words(argv + std::min(argc, 1), argv + argc);
  if (words.empty()) return arguments;
  if (words.front() == "--version" || words.front() == "-V") {
    arguments.command = Command::version;
    return arguments;
  }
  Grammar grammar(arguments);
  if (words.front().starts_with('-') && words.front() != "-h" && words.front() != "--help") {
    throw usage_error(fmt::format("no option \"{}\" before a command", words.front()),
                      "\"vpnd help\" lists the commands");
  }
  if (!words.front().starts_with('-')) check_command(words.front());
  try {
    grammar.parse({words.rbegin(), words.rend()});
  } catch (const CLI::CallForHelp&) {
    arguments.command = Command::help;
    arguments.positional = command_path(words);
  } catch (const CLI::ParseError& error) {
    complain(error, words.front());
  }
  if (arguments.command == Command::help) arguments.help = help_for(grammar, arguments.positional);
  return arguments;
}

}  // namespace vpnd
