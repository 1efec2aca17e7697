// SPDX-License-Identifier: ISC
// What dead processes left: found by their journals, and routes by the kernel's own mark.

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "bsd/forwarding_note.h"
#include "bsd/network.h"
#include "bsd/resolver_file.h"
#include "core/base/error.h"
#include "core/base/log.h"

namespace vpnd::bsd {
namespace {

// Without its tunnel such a route cuts the machine off, and nobody else marks one as we do.
bool captures_half(const Prefix& p) noexcept {
  return p.length == 1;
}

}  // namespace

void Network::sweep_routes(std::vector<std::string>& done) {
  const auto living = others();
  for (const Prefix& to : routes_.ours()) {
    Route r;
    r.to = to;
    const std::string line = note_of(r);
    const bool theirs = std::ranges::any_of(living, [&line](const JournalCopy& other) {
      return other.living && std::ranges::find(other.lines, line) != other.lines.end();
    });
    const bool noted = journal_ && journal_->has(line);
    if (theirs || !(noted || captures_half(to))) continue;
    if (const auto why = routes_.remove(to)) {
      throw Error(fmt::format("remove {}", line), *why, {}, Exit::os);
    }
    strike(line);
    done.push_back(line + " removed");
  }
}

// It may be somebody else's by now, who has it open.
void Network::sweep_device(std::vector<std::string>& done) {
  if (!journal_ || !journal_->left_behind() || !traits_.destroys) return;
  const std::string& name = journal_->interface();
  if (system_.index_of(name) == 0) return;
  const int device = system_.open_device(name);
  if (device < 0) return;
  system_.close(device);
  if (configure(destroy(traits_, name)) == 0)
    done.push_back(fmt::format("device {} removed", name));
}

std::vector<std::string> Network::sweep() {
  std::vector<std::string> done;
  sweep_routes(done);
  sweep_device(done);
  std::ranges::move(sweep_resolver(), std::back_inserter(done));
  if (!journal_) return done;
  for (const Family family : {Family::v4, Family::v6}) {
    const auto note = ForwardingNote::in(journal_->lines(), family);
    if (!note) continue;
    take(Forwarding{family});
    done.push_back(fmt::format("{} back to {}", name_of(Forwarding{family}), note->before));
  }
  // The rest has gone by itself, with the device or with a link.
  const auto rest = journal_->lines();
  for (const std::string& line : rest) {
    if (!ForwardingNote::is(line)) strike(line);
  }
  return done;
}

std::vector<std::string> Network::sweep_resolver() {
  const auto owner = resolver_file_of(system_);
  for (const JournalCopy& other : others()) {
    if (other.living && owner && other.interface == *owner) return {};
  }
  try {
    if (restore_resolver_file(system_, {})) {
      return {fmt::format("{} back as it was", kResolverFile)};
    }
  } catch (const Error& e) {
    log(Level::warning, "{}", e.what());
  }
  return {};
}

std::vector<std::string> clean_up(System& system, const Traits& traits,
                                  const std::string& directory, const std::string& interface) {
  std::vector<std::string> done, names{interface};
  if (interface.empty()) {
    names.clear();
    for (const JournalCopy& j : journals(system, directory, {})) {
      if (!j.living) names.push_back(j.interface);
    }
  }
  for (const std::string& name : names) {
    Network network(system, traits, directory);
    network.note_in(std::make_unique<Journal>(system, directory, name));
    std::ranges::move(network.sweep(), std::back_inserter(done));
  }
  if (!interface.empty()) return done;
  // And what no journal tells of.
  std::ranges::move(Network(system, traits, directory).sweep(), std::back_inserter(done));
  return done;
}

}  // namespace vpnd::bsd
