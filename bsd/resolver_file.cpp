// SPDX-License-Identifier: ISC
#include "bsd/resolver_file.h"

#include <fmt/format.h>

#include "core/base/error.h"

namespace vpnd::bsd {
namespace {

constexpr unsigned kMode = 0644;

std::optional<plan::ResolverMark> present_mark(System& s) {
  const auto text = s.read_text(kResolverFile);
  return text ? plan::resolver_mark(*text) : std::nullopt;
}

[[noreturn]] void refuse(int why) {
  throw Error(fmt::format("change {}", kResolverFile), why, {}, Exit::os);
}

}  // namespace

void write_resolver_file(System& s, const plan::Resolver& r) {
  const auto mark = present_mark(s);
  const bool absent = mark ? mark->absent : !s.exists(kResolverFile);
  const std::string before = s.read_text(mark ? kResolverBackup : kResolverFile).value_or("");
  const std::string text = plan::resolver_text(r, before, absent);
  bool renamed = false;
  if (!mark) {
    // What waits there waits for a file that is not ours any more.
    (void)s.remove(kResolverBackup);
    if (!absent && s.link(kResolverFile, kResolverBackup) != 0) {
      // Not every file system gives a link a second name: for a moment there is no file then.
      if (const int why = s.rename(kResolverFile, kResolverBackup); why != 0) refuse(why);
      renamed = true;
    }
  }
  const int why = s.write_text(kResolverFile, text, kMode);
  if (why == 0) return;
  if (renamed) {
    (void)s.rename(kResolverBackup, kResolverFile);
  } else if (!mark) {
    (void)s.remove(kResolverBackup);
  }
  refuse(why);
}

bool restore_resolver_file(System& s, const std::string& interface) {
  const auto mark = present_mark(s);
  if (mark && !interface.empty() && mark->interface != interface) return false;
  if (!mark) {
    // Between the two steps of a file without a second name there was none at all.
    const bool lost = !s.exists(kResolverFile) && s.exists(kResolverBackup);
    if (lost) return s.rename(kResolverBackup, kResolverFile) == 0;
    (void)s.remove(kResolverBackup);
    return false;
  }
  if (s.exists(kResolverBackup)) {
    if (const int why = s.rename(kResolverBackup, kResolverFile); why != 0) refuse(why);
    return true;
  }
  if (!mark->absent) {
    throw Error(fmt::format("put {} back", kResolverFile), 0, "its backup is gone", Exit::os,
                "Write the name servers of your network into it.");
  }
  if (const int why = s.remove(kResolverFile); why != 0) refuse(why);
  return true;
}

std::string resolver_file_before(System& s) {
  return s.read_text(present_mark(s) ? kResolverBackup : kResolverFile).value_or("");
}

std::optional<std::string> resolver_file_of(System& s) {
  const auto mark = present_mark(s);
  return mark ? std::optional(mark->interface) : std::nullopt;
}

}  // namespace vpnd::bsd
