// SPDX-License-Identifier: ISC
#include "tools/arguments.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
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
  vpnd check [NAME]        try whether anything leaves past the tunnel
  vpnd confirm [NAME]      make a tunnel stay that was started with --try
  vpnd cleanup [NAME]      undo what a killed process left
  vpnd lock [FILE...]      nothing leaves until the tunnel runs (kill switch "always")

  vpnd genkey [FILE]       a shared key; --server for a server with a list of peers
  vpnd peer add|list|revoke KEY [NAME]
  vpnd pubkey [FILE]       vpnd fingerprint FILE

  vpnd demo                a tunnel in private namespaces, no root needed
  vpnd help COMMAND        vpnd version

Any positional argument but KEY and HOST may be "auto"; trailing ones may be left out.
)";

using Names = std::vector<std::string>;

constexpr int kMostWords = 16;

const Names kCommands = {"server",  "client",  "run",  "plan",        "status", "check",
                         "confirm", "cleanup", "lock", "dns",         "genkey", "peer",
                         "pubkey",  "demo",    "help", "fingerprint", "version"};
const Names kPeerCommands = {"add", "list", "revoke"};

struct Entry {
  CLI::App* app = nullptr;
  std::string path;  // "peer add"
  std::string form;  // its positional arguments
};

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

  void parse(Names reversed) { app_.parse(reversed); }

  // "vpnd help peer" shows all that begin with it. Empty: there is no such command.
  std::string help(const std::string& path) const {
    if (path.empty()) return short_help();
    std::string text;
    for (const Entry& entry : entries_) {
      if (entry.path != path && !entry.path.starts_with(path + " ")) continue;
      if (!text.empty()) text += '\n';
      text += describe(entry);
    }
    return text;
  }

 private:
  static std::string describe(const Entry& entry) {
    std::string text =
        fmt::format("usage: vpnd {}{}{}\n  {}\n", entry.path, entry.form.empty() ? "" : " ",
                    entry.form, entry.app->get_description());
    for (const CLI::Option* option : entry.app->get_options()) {
      if (option->get_positional() || option->get_description().empty()) continue;
      const std::string names = fmt::format(
          "{} {}", option->get_name(false, true),
          option->get_items_expected_max() > 0 ? option->get_type_name() : std::string());
      text += fmt::format("  {:<22} {}\n", names, option->get_description());
    }
    return text;
  }

  // The arguments are counted and checked where they are used, with better words.
  CLI::App& command(CLI::App& parent, Command which, const char* name, const char* form,
                    const char* description) {
    CLI::App* app = parent.add_subcommand(name, description);
    app->callback([this, which] { out_.command = which; });
    app->set_help_flag("-h,--help", "");
    if (*form != '\0') app->add_option("arguments", out_.positional)->expected(0, kMostWords);
    const std::string prefix = &parent == &app_ ? "" : parent.get_name() + " ";
    entries_.push_back({app, prefix + name, form});
    return *app;
  }

  void add_places(CLI::App& app) {
    app.add_option("--state-dir", out_.state_dir, "where ids and secrets of this host are kept")
        ->type_name("DIR");
    app.add_option("--run-dir", out_.run_dir, "where the status sockets are")->type_name("DIR");
  }

  void add_verbose(CLI::App& app, const char* description) {
    app.add_flag_function(
        "-v,--verbose", [this](std::int64_t n) { out_.verbose = static_cast<unsigned>(n); },
        description);
  }

  void add_running(CLI::App& app) {
    add_places(app);
    app.add_option("--mtu", out_.mtu, "of the tunnel, 1280 to 9000")
        ->check(CLI::Range(std::uint16_t{1280}, std::uint16_t{9000}).description(""))
        ->type_name("BYTES");
    add_verbose(app, "log more");
    app.add_flag("-q,--quiet", out_.quiet, "log only what needs attention");
    app.add_option("--log-format", out_.log_format, "text or json")->type_name("FORMAT");
  }

  void add_timeout(CLI::App& app) {
    app.add_option("--timeout", out_.timeout, "give up if never connected for so long; 0: never")
        ->check(CLI::Range(0u, 86400u).description(""))
        ->type_name("SEC");
  }

  void add_tunnel_commands() {
    add_running(command(app_, Command::server, "server",
                        "KEY [ADDR] [PORT] [TUN] [LOCAL-IP] [REMOTE-IP] [EXT-IP]",
                        "wait for clients, until ^C"));
    CLI::App& client = command(app_, Command::client, "client",
                               "KEY HOST [PORT] [TUN] [LOCAL-IP] [REMOTE-IP] [GATEWAY]",
                               "connect to a server, until ^C");
    add_running(client);
    add_timeout(client);
    client
        .add_option("--kill-switch", out_.kill_switch,
                    "on, session, always or off: what becomes of traffic past the tunnel")
        ->type_name("MODE");
    client.add_option("--try", out_.try_for, "take it all back after so long, unless confirmed")
        ->check(CLI::Range(1u, 86400u).description(""))
        ->type_name("SEC");
    client
        .add_option("--accept-risk", out_.accepted_risk,
                    "lose-ssh: start although it cuts this very SSH connection")
        ->type_name("RISK");
    client.add_flag("--keep-inbound", out_.keep_inbound,
                    "answer past the tunnel who connects to this host past it");
    client
        .add_option("--exclude", out_.exclude,
                    "leave this prefix out of the tunnel; may be repeated")
        ->allow_extra_args(false)
        ->type_name("PREFIX");
    add_running(command(app_, Command::run, "run", "FILE",
                        "bring up the tunnel that FILE describes, see vpnd.toml(5)"));
    command(app_, Command::plan, "plan", "server KEY ... | client KEY HOST ... | FILE",
            "print each change that would be made, and make none");
  }

  void add_look_commands() {
    CLI::App& status = command(app_, Command::status, "status", "[NAME]",
                               "what a tunnel does; NAME when several run. Exit 3: not connected");
    status.add_flag("--json", out_.json, "for programs");
    add_places(status);
    CLI::App& check = command(
        app_, Command::check, "check", "[NAME]",
        "try every way out, and watch whether anything leaves past the tunnel. Exit 3: it does");
    check.add_flag("--json", out_.json, "for programs");
    add_places(check);
    add_places(command(app_, Command::confirm, "confirm", "[NAME]",
                       "end the trial of \"client --try\": the tunnel stays"));
    CLI::App& cleanup = command(app_, Command::cleanup, "cleanup", "[NAME]",
                                "undo what a dead process left, for one interface or for all");
    add_places(cleanup);
    cleanup.add_flag("--after-service", out_.after_service,
                     "for a service manager: NAME is a tunnel; its kill switch is left alone");
    add_places(command(app_, Command::dns, "dns", "",
                       "for vpnd-dns.service: name the resolver of tunnels that are not root's"));
    add_places(command(app_, Command::lock, "lock", "[FILE...]",
                       "put up the wall of tunnels whose kill switch is \"always\""));
  }

  void add_key_commands() {
    CLI::App& genkey = command(app_, Command::genkey, "genkey", "[FILE]",
                               "make a key in a new file of mode 0600, or as text on stdout");
    CLI::Option* shared =
        genkey.add_flag("--shared", out_.shared_key, "one key for both sides (the default)");
    genkey.add_flag("--server", out_.server_key, "for a server whose clients have their own keys")
        ->excludes(shared);
    command(app_, Command::pubkey, "pubkey", "[FILE]",
            "print the public key of a server's or client's key, from FILE or stdin");
    command(app_, Command::fingerprint, "fingerprint", "FILE",
            "print a short text that must be the same on both sides");

    CLI::App* peer = app_.add_subcommand("peer");
    peer->require_subcommand(1);
    CLI::App& add = command(*peer, Command::peer_add, "add", "KEY NAME",
                            "make a key for a new client of the server that has KEY");
    add.add_option("--address", out_.address, "inner IPv4 address that it always gets")
        ->type_name("IP");
    add.add_option("-o,--output", out_.output, "new file for the client's key")->type_name("FILE");
    command(*peer, Command::peer_list, "list", "KEY",
            "name, public key and pinned address of each");
    command(*peer, Command::peer_revoke, "revoke", "KEY NAME", "shut a client out");
  }

  void add_other_commands() {
    CLI::App& demo = command(app_, Command::demo, "demo", "",
                             "show a tunnel at work in private namespaces; needs no root");
    demo.add_flag("--keep", out_.keep, "leave it up until ^C, and say how to look at it");
    add_verbose(demo, "show what server and client log");
    command(app_, Command::help, "help", "[COMMAND]", "the list of commands, or one of them");
    command(app_, Command::version, "version", "", "of vpnd and its libraries")
        .add_flag("--json", out_.json, "for programs");
  }

  Arguments& out_;
  CLI::App app_{"vpnd", "vpnd"};
  std::vector<Entry> entries_;
};

void check_command(const Names& words) {
  const auto check = [](const std::string& word, const Names& known, const char* before) {
    if (word.starts_with('-') || std::find(known.begin(), known.end(), word) != known.end()) return;
    throw usage_error(
        fmt::format("no command \"{}{}\"{}", before, word, plan::did_you_mean(word, known)),
        "\"vpnd help\" lists the commands");
  };
  if (!words.empty()) check(words[0], kCommands, "");
  if (words.size() > 1 && words[0] == "peer") check(words[1], kPeerCommands, "peer ");
}

// CLI11's sentences, without its class names and as one line in our form.
[[noreturn]] void complain(const CLI::ParseError& error, const std::string& command) {
  std::string line = error.what();
  std::replace(line.begin(), line.end(), '\n', ' ');
  while (!line.empty() && line.back() == ' ') line.pop_back();
  throw usage_error(fmt::format("{}: {}", command, line),
                    fmt::format("\"vpnd help {}\" shows its form", command));
}

// "vpnd peer add --help" means the same as "vpnd help peer add".
Names command_path(const Names& words) {
  Names path;
  for (const std::string& word : words) {
    if (word.starts_with('-') || path.size() == 2) break;
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
  if (words.front().starts_with('-') && words.front() != "-h" && words.front() != "--help") {
    throw usage_error(fmt::format("no option \"{}\" before a command", words.front()),
                      "\"vpnd help\" lists the commands");
  }
  check_command(words);
  Grammar grammar(arguments);
  try {
    grammar.parse({words.rbegin(), words.rend()});
  } catch (const CLI::CallForHelp&) {
    arguments.command = Command::help;
    arguments.positional = command_path(words);
  } catch (const CLI::ParseError& error) {
    complain(error, words.front());
  }
  if (arguments.command == Command::help) {
    const Names path = command_path(arguments.positional);
    check_command(path);
    arguments.help = grammar.help(fmt::format("{}", fmt::join(path, " ")));
  }
  return arguments;
}

}  // namespace vpnd
