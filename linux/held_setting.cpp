// SPDX-License-Identifier: ISC
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "core/base/error.h"
#include "core/base/log.h"
#include "linux/setting.h"
#include "linux/sysctl.h"

namespace vpnd::nl {
namespace {

std::string directory_of(const Sockets& s) {
  return s.journal ? s.journal->directory() : "";
}
std::string holder_of(const Sockets& s) {
  return s.journal ? s.journal->interface() : "";
}

struct Inherited {
  int before = 0;
  std::vector<Exception> exceptions;
};

// Another tunnel has set it already: what stood there before is written in its journal.
std::optional<Inherited> inherit(const Sockets& sockets, const Setting& s) {
  for (const JournalCopy& copy : journals(directory_of(sockets))) {
    if (copy.interface == holder_of(sockets)) continue;
    std::optional<Inherited> found;
    std::vector<Exception> differ;
    for (const std::string& line : copy.lines) {
      const auto other = Setting::parse(line);
      if (other && other->same_place(s) && other->ours == s.ours)
        found = Inherited{other->before, {}};
      const auto e = Exception::parse(line);
      if (e && e->key == s.key && s.interface == "all") differ.push_back(*e);
    }
    if (!found) continue;
    found->exceptions = std::move(differ);
    return found;
  }
  return std::nullopt;
}

// The process before this one has set it, and the sweep has left it: what stood there before, and
// the notes of it.
struct Spared : Inherited {
  std::vector<std::string> lines;
};

std::optional<Spared> take_spared(Sockets& sockets, const Setting& s, int now) {
  auto& all = sockets.spared_settings;
  const auto at = std::ranges::find_if(all, [&](const std::string& line) {
    const auto other = Setting::parse(line);
    return other && other->same_place(s) && other->ours == now;
  });
  if (at == all.end()) return std::nullopt;
  Spared out;
  out.before = Setting::parse(*at)->before;
  out.lines.push_back(*at);
  for (const std::string& line : all) {
    const auto e = Exception::parse(line);
    if (!e || e->key != s.key || s.interface != "all") continue;
    out.exceptions.push_back(*e);
    out.lines.push_back(line);
  }
  for (const std::string& line : out.lines) std::erase(all, line);
  return out;
}

class HeldSetting final : public plan::Held {
 public:
  HeldSetting(Sockets& sockets, const Setting& s, std::vector<Exception> differ)
      : sockets_(sockets), setting_(s), exceptions_(std::move(differ)) {
    for (const Exception& e : exceptions_) {
      notes_.push_back(std::make_unique<Note>(sockets, e.line()));
    }
    notes_.push_back(std::make_unique<Note>(sockets, s.line()));
  }

  void set(int now) {
    made_ = true;
    if (now != setting_.ours) write(sockets_, setting_, setting_.ours);
  }

  ~HeldSetting() override {
    if (!made_) return;
    try {
      const Fd lock = serialise(directory_of(sockets_));
      if (restore(sockets_, setting_, directory_of(sockets_), holder_of(sockets_))) {
        for (const Exception& e : exceptions_) (void)set_sysctl6(e.interface, e.key, e.value);
      }
      notes_.clear();  // while the lock is held, or another tunnel would rely on it
    } catch (const Error& e) {
      log(Level::warning, "{}", e.what());
      for (const auto& note : notes_) note->leave();
    }
  }

 private:
  Sockets& sockets_;
  Setting setting_;
  std::vector<Exception> exceptions_;
  std::vector<std::unique_ptr<Note>> notes_;
  bool made_ = false;
};

// Nothing had to be changed, so there is nothing to take back.
class Untouched final : public plan::Held {};

HeldPtr hold_setting(Sockets& sockets, Setting s, const std::string& doing) {
  const Fd lock = serialise(directory_of(sockets));
  const auto now = current(sockets, s);
  if (!now) throw Error(doing, ENOENT, "there is no such interface or setting", Exit::os);
  s.before = *now;
  std::vector<Exception> differ = exceptions(s);
  const auto spared = take_spared(sockets, s, *now);
  if (spared) {
    s.before = spared->before;
    differ = spared->exceptions;
  } else if (*now == s.ours) {
    const auto inherited = inherit(sockets, s);
    if (!inherited) return std::make_unique<Untouched>();
    s.before = inherited->before;
    differ = inherited->exceptions;
  }
  auto held = std::make_unique<HeldSetting>(sockets, s, std::move(differ));
  held->set(*now);
  // They are noted once more.
  for (const std::string& line : spared ? spared->lines : std::vector<std::string>{}) {
    sockets.journal->strike(line);
  }
  return held;
}

Setting setting_of(Sockets& sockets, const LinkSetting& l) {
  Setting s;
  s.interface = l.interface;
  s.key = std::to_string(l.index);
  s.ours = l.value;
  if (const auto link = find_link(sockets.rt, l.interface)) s.index = link->index;
  return s;
}

Setting setting_of(const Sysctl6& wanted) {
  Setting s;
  s.family = Family::v6;
  s.interface = wanted.interface;
  s.key = wanted.key;
  s.ours = wanted.value;
  return s;
}

}  // namespace

Note::Note(Sockets& s, std::string line) : sockets_(s), line_(std::move(line)) {
  if (sockets_.journal) sockets_.journal->note(line_);
}

Note::~Note() {
  if (!left_ && sockets_.journal) sockets_.journal->strike(line_);
}

HeldPtr hold(Sockets& sockets, const LinkSetting& l) {
  return hold_setting(sockets, setting_of(sockets, l),
                      fmt::format("set the IPv4 setting {} of {}", l.index, l.interface));
}

HeldPtr hold(Sockets& sockets, const Sysctl6& wanted) {
  return hold_setting(sockets, setting_of(wanted),
                      fmt::format("set net.ipv6.conf.{}.{}", wanted.interface, wanted.key));
}

void drop_spared_settings(Sockets& s) noexcept {
  const std::vector<std::string> lines = std::exchange(s.spared_settings, {});
  if (lines.empty() || !s.journal) return;
  try {
    const Fd lock = serialise(directory_of(s));
    for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
      const auto setting = Setting::parse(*line);
      if (!setting || !restore(s, *setting, directory_of(s), holder_of(s))) continue;
      for (const std::string& other : lines) {
        const auto e = Exception::parse(other);
        if (e && setting->interface == "all") (void)set_sysctl6(e->interface, e->key, e->value);
      }
    }
    for (const std::string& line : lines) s.journal->strike(line);
  } catch (const Error& e) {
    log(Level::warning, "{}", e.what());
  }
}

bool is_present(Sockets& sockets, const LinkSetting& l) {
  return current(sockets, setting_of(sockets, l)) == l.value;
}

bool is_present(Sockets& sockets, const Sysctl6& wanted) {
  return current(sockets, setting_of(wanted)) == wanted.value;
}

}  // namespace vpnd::nl
