// SPDX-License-Identifier: ISC

// check: the leak test of a running tunnel; of a file, whether it will do.

#include <fmt/format.h>

#include <filesystem>

#include "tools/command.h"
#include "tools/configuration.h"
#include "tools/private_file.h"

namespace vpnd {
namespace {

Exit check_leaks(const Arguments& arguments) {
  const auto [word, name] = tunnel_name(arguments);
  const auto report = host::check(name, places_of(arguments));
  if (!report) throw not_running_error(word);
  write_out(arguments.json ? plan::to_json(*report) + "\n" : plan::print(*report));
  if (report->leaks() > 0) return Exit::leak;
  // What was never tried is not clean.
  return report->outcomes.empty() ? Exit::failure : Exit::ok;
}

std::string describe(const plan::ClientConfig& c) {
  return fmt::format("a client of {} port {}, kill switch {}", c.host, c.port,
                     plan::kill_switch_name(c.kill_switch));
}

std::string describe(const plan::ServerConfig& c) {
  return fmt::format("a server on port {}, with the pool {}", c.port, c.pool_v4.text());
}

// Of the file alone: it may be meant for another machine, or not have its place yet.
Exit check_file(const Arguments& arguments) {
  if (arguments.json) throw usage_error("check: --json is for the check of a running tunnel");
  const std::string word = argument_or(arguments, "");
  if (word.empty()) throw usage_error("check: which file?", "usage: vpnd check --config NAME|FILE");
  plan::Config config = read_config(word, arguments);
  // What is printed means the same wherever it is put.
  std::visit([](auto& c) { c.key = std::filesystem::absolute(c.key).lexically_normal(); }, config);
  const auto text = [](const auto& c) { return describe(c); };
  write_out(arguments.effective ? plan::effective(config)
                                : fmt::format("{}: good, {}\n", config_path(word, arguments),
                                              std::visit(text, config)));
  return Exit::ok;
}

Exit run_check(const Arguments& arguments) {
  const bool file = arguments.config || arguments.effective ||
                    (!arguments.positional.empty() && is_config_file(arguments.positional.front()));
  return file ? check_file(arguments) : check_leaks(arguments);
}

}  // namespace

Command check_command() {
  return {Command::Group::look,
          "check",
          "[NAME|FILE]",
          "try whether anything leaves past it; FILE: is it good?",
          "does anything leave past a running tunnel (exit 3)? is a file good (else exit 78)?",
          run_check,
          Options{json_option()} + place_options() +
              Options{config_dir_option(),
                      {"--config", "", "check the file of NAME, not the running tunnel",
                       &Arguments::config},
                      {"--effective", "", "print the file with every key, defaults included",
                       &Arguments::effective}}};
}

}  // namespace vpnd
