// SPDX-License-Identifier: ISC

// up, down: a tunnel in the background.

#include <fmt/format.h>

#include "tools/command.h"
#include "tools/configuration.h"
#include "tools/private_file.h"
#include "tools/tunnel_options.h"

namespace vpnd {
namespace {

constexpr std::chrono::seconds kTimeout{30}, kStopWithin{15};

// Where its lines go. Empty: the journal.
std::string log_of(const Arguments& arguments, const std::string& name) {
  if (!arguments.log_file.empty()) return arguments.log_file;
  return host::journal_listens() ? std::string()
                                 : fmt::format("{}/{}.log", places_of(arguments).run, name);
}

Exit run_up(const Arguments& arguments) {
  plan::Config config = only_config(arguments, arguments.positional);
  apply_options(config, arguments);
  // Who waits for it does not wait for ever, unless told to.
  auto* client = std::get_if<plan::ClientConfig>(&config);
  if (client != nullptr && !arguments.timeout && client->timeout.count() == 0) {
    client->timeout = kTimeout;
  }
  const std::string name = std::visit([](const auto& c) { return c.name; }, config);
  const std::string log = log_of(arguments, name);
  host::Caution caution = caution_of(arguments);
  const host::ReadAgain again = reading_again(arguments);
  const auto keep = [&](const host::Running& running) {
    caution.running = running;
    return host::keep(config, places_of(arguments), caution, again);
  };
  return host::in_background(keep, log, [&](const std::string& interface) {
    write_out(fmt::format("{} {}, interface {}\n", name,
                          client != nullptr ? "is connected" : "listens", interface));
    write_out(fmt::format("log     {}\n", log.empty() ? "journalctl -t vpnd" : log));
    write_out(fmt::format("stop    vpnd down {}\n", interface));
  });
}

Exit run_down(const Arguments& arguments) {
  const auto [word, name] = tunnel_name(arguments);
  if (word.empty()) throw usage_error("down needs a name", "usage: vpnd down NAME");
  const auto patience = arguments.timeout ? std::chrono::seconds(*arguments.timeout) : kStopWithin;
  if (!host::stop(name, places_of(arguments), patience)) throw not_running_error(word);
  return Exit::ok;
}

}  // namespace

Command up_command() {
  return {Command::Group::tunnel,
          "up",
          "NAME|FILE",
          "the same in the background",
          "bring up a tunnel as \"run\" does, in the background; done when it is connected",
          run_up,
          running_options() + client_options() +
              Options{config_dir_option(),
                      {"--log-file", "FILE", "instead of the journal", &Arguments::log_file}}};
}

Command down_command() {
  return {
      Command::Group::tunnel,
      "down",
      "NAME|FILE",
      "stop one, and take back what it changed",
      "stop a running tunnel; done when everything was taken back. Exit 3: it does not run",
      run_down,
      place_options() + Options{config_dir_option(),
                                {"--timeout", "SEC", "give up waiting after so long; 15 by default",
                                 &Arguments::timeout, 0, 86400}}};
}

}  // namespace vpnd
