// SPDX-License-Identifier: ISC

// status, version, demo, and the bare name.

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "core/plan/status.h"
#include "core/wire/hello.h"
#include "core/wire/key_issue.h"
#include "tools/command.h"
#include "tools/configuration.h"
#include "tools/private_file.h"

namespace vpnd {
namespace {

constexpr auto kBetweenLooks = std::chrono::milliseconds(150);

// The status of another version may hold what we cannot read; its JSON is then all there is.
void show(const std::string& json, bool as_json) {
  const auto status = as_json ? std::nullopt : plan::status_from_json(json);
  write_out(status ? plan::print(*status) : json + "\n");
}

// Names of those that a session may use here, the best first.
std::vector<std::string_view> offered_ciphers() {
  std::vector<std::string_view> names;
  for (const auto cipher : wire::kCipherOrder) {
    const auto bit = static_cast<unsigned>(cipher);
    if ((crypto::offered_ciphers() & bit) != 0) names.push_back(plan::cipher_name(cipher));
  }
  return names;
}

Exit run_status(const Arguments& arguments) {
  const auto [word, name] = tunnel_name(arguments);
  if (arguments.watch) return watch_status(arguments, name);
  auto json = host::status(name, places_of(arguments));
  if (!json) throw not_running_error(word);
  auto status = plan::status_from_json(*json);
  if (status && !status->rates) {
    // Nobody looked lately, so that there is nothing to count from: this was the look.
    std::this_thread::sleep_for(kBetweenLooks);
    if (auto second = host::status(name, places_of(arguments))) json = std::move(second);
    status = plan::status_from_json(*json);
  }
  show(*json, arguments.json);
  const bool up =
      !status || status->report.server || status->report.state == engine::ClientState::up;
  return up ? Exit::ok : Exit::not_running;
}

Exit run_confirm(const Arguments& arguments) {
  const auto [word, name] = tunnel_name(arguments);
  if (host::confirm(name, places_of(arguments))) return Exit::ok;
  throw not_running_error(word);
}

Exit run_version(const Arguments& arguments) {
  const std::string library = wire::cipher_library();
  write_out(arguments.json
                ? fmt::format(R"({{"schema":"vpnd.version/1","version":"{}","protocol":"vpnd/1",)"
                              R"("cipher_library":"{}","ciphers":["{}"]}})"
                              "\n",
                              VPND_VERSION, library, fmt::join(offered_ciphers(), R"(",")"))
                : fmt::format("vpnd {} (protocol vpnd/1, {})\nciphers: {}\n", VPND_VERSION, library,
                              fmt::join(offered_ciphers(), ", ")));
  return Exit::ok;
}

Exit run_demo(const Arguments& arguments) {
  host::DemoOptions options;
  options.keep = arguments.keep;
  options.verbose = arguments.verbose > 0;
  options.report = arguments.report;
  return host::demo(options);
}

}  // namespace

Exit run_bare(const Arguments& arguments) {
  std::optional<std::string> json;
  try {
    json = host::status("", places_of(arguments));
  } catch (const Error& error) {
    // Several run, or they are another user's: say so, and how to go on.
    write_out(short_help());
    write_out(fmt::format("\n{}\n", error.what()));
    return Exit::ok;
  }
  if (json) {
    show(*json, false);
  } else {
    write_out(short_help());
  }
  return Exit::ok;
}

Command status_command() {
  return {Command::Group::look,
          "status",
          "[NAME]",
          "what a tunnel does; --json for programs",
          "what a tunnel does; NAME when several run. Exit 3: not connected",
          run_status,
          Options{json_option(),
                  {"--watch", "[=SEC]", "a line each second, or each SEC seconds",
                   &Arguments::watch, 1, 86400}} +
              place_options() + Options{config_dir_option()}};
}

Command confirm_command() {
  return {Command::Group::tunnel,
          "confirm",
          "[NAME]",
          "make one stay that was started with --try",
          "end the trial of \"client --try\": the tunnel stays",
          run_confirm,
          place_options() + Options{config_dir_option()}};
}

Command version_command() {
  return {Command::Group::other, "version",      "", "", "of vpnd and its libraries",
          run_version,           {json_option()}};
}

Command demo_command() {
  return {Command::Group::other,
          "demo",
          "",
          "a tunnel in private namespaces, no root needed",
          "show a tunnel at work in private namespaces; needs no root",
          run_demo,
          {{"--keep", "", "leave it up until ^C, and say how to look at it", &Arguments::keep},
           {"--report", "FILE", "make one HTML page of what was seen", &Arguments::report},
           verbose_option("show what server and client log")}};
}

}  // namespace vpnd
