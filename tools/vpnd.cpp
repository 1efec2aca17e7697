// SPDX-License-Identifier: ISC

// Takes the command line apart and hands over; every error of a command ends here.

#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "core/wire/key_issue.h"
#include "tools/arguments.h"
#include "tools/command.h"
#include "tools/private_file.h"

namespace vpnd {
namespace {

Exit run(const Arguments& arguments) {
  switch (arguments.command) {
    case Command::none:
      return run_bare(arguments);
    case Command::help:
      write_out(arguments.help);
      return Exit::ok;
    case Command::version:
      return run_version(arguments);
    case Command::genkey:
      return run_genkey(arguments);
    case Command::pubkey:
      return run_pubkey(arguments);
    case Command::fingerprint:
      return run_fingerprint(arguments);
    case Command::peer_add:
      return run_peer_add(arguments);
    case Command::peer_list:
      return run_peer_list(arguments);
    case Command::peer_revoke:
      return run_peer_revoke(arguments);
    case Command::server:
    case Command::client:
    case Command::run:
      return run_tunnel(arguments);
    case Command::plan:
      return run_plan(arguments);
    case Command::status:
      return run_status(arguments);
    case Command::check:
      return run_check(arguments);
    case Command::confirm:
      return run_confirm(arguments);
    case Command::cleanup:
      return run_cleanup(arguments);
    case Command::dns:
      return run_dns(arguments);
    case Command::lock:
      return run_lock(arguments);
    case Command::demo:
      return run_demo(arguments);
  }
  return Exit::software;
}

// "vpnd: what is wrong", then what to do about it, indented.
void complain(const char* line, const std::string& remedy) {
  const std::string prefix = host::log_prefix(Level::error);
  std::string text = fmt::format("{}vpnd: {}\n", prefix, line);
  std::size_t start = 0;
  while (start < remedy.size()) {
    const std::size_t end = std::min(remedy.find('\n', start), remedy.size());
    text += fmt::format("{}  {}\n", prefix, remedy.substr(start, end - start));
    start = end + 1;
  }
  std::fputs(text.c_str(), stderr);
}

}  // namespace
}  // namespace vpnd

int main(int argc, char** argv) {
  try {
    vpnd::wire::prepare_keys();
    return static_cast<int>(vpnd::run(vpnd::parse_arguments(argc, argv)));
  } catch (const vpnd::Error& error) {
    vpnd::complain(error.what(), error.remedy());
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    vpnd::complain(error.what(), "This is a fault of vpnd; please report it.");
    return static_cast<int>(vpnd::Exit::software);
  }
}
