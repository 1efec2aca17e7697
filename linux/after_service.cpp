// SPDX-License-Identifier: ISC
#include "linux/after_service.h"

#include <algorithm>

#include "core/base/error.h"
#include "linux/apply.h"
#include "linux/nft.h"

namespace vpnd {
namespace nl {
namespace {

bool has(const JournalCopy& copy, const std::string& line) {
  return std::ranges::find(copy.lines, line) != copy.lines.end();
}

// As RestartPreventExitStatus= of the unit has it: what these mean does not go away by itself.
bool comes_again(const host::ServiceEnd& end) noexcept {
  for (const Exit code : {Exit::usage, Exit::permission, Exit::config}) {
    if (end.code == "exited" && end.status == std::to_string(static_cast<int>(code))) return false;
  }
  return true;
}

// Behind a wall a resolver of the network cannot be asked, and the next process names the tunnel's
// again: the file is left as it is.
void sweep_resolver_unless_walled(Host& host, const JournalCopy& copy, const std::string& state,
                                  std::vector<std::string>& done) {
  NftSocket socket;
  if (wall_present(socket, copy.interface)) return;
  for (std::string& line : host.sweep_resolver(copy.interface, state)) {
    done.push_back(std::move(line));
  }
}

}  // namespace

CleanUp clean_up_after(const host::ServiceEnd& end, bool stands) noexcept {
  if (stands) return CleanUp::nothing;
  if (end.result == "success" || !comes_again(end)) return CleanUp::all_but_walls;
  return CleanUp::resolver;
}

std::string tunnel_note(const std::string& tunnel) {
  return kTunnelNote + tunnel;
}

std::vector<JournalCopy> journals_of(const std::string& tunnel, const std::string& directory) {
  std::vector<JournalCopy> all = journals(directory);
  std::erase_if(all, [note = tunnel_note(tunnel)](const JournalCopy& copy) {
    return copy.living || !has(copy, note);
  });
  return all;
}

}  // namespace nl

std::vector<std::string> host::cleanup_after_service(const std::string& tunnel,
                                                     const Places& places, const ServiceEnd& end) {
  std::vector<std::string> done;
  nl::Host host;
  for (const nl::JournalCopy& copy : nl::journals_of(tunnel, places.state)) {
    switch (nl::clean_up_after(end, nl::has(copy, nl::kStandsNote))) {
      case nl::CleanUp::nothing:
        break;
      case nl::CleanUp::resolver:
        nl::sweep_resolver_unless_walled(host, copy, places.state, done);
        break;
      case nl::CleanUp::all_but_walls:
        for (std::string& line :
             host.sweep(copy.interface, places.state, nl::Sweep::but_the_wall)) {
          done.push_back(std::move(line));
        }
        break;
    }
  }
  return done;
}

}  // namespace vpnd
