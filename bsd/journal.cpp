// SPDX-License-Identifier: ISC
#include "bsd/journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/text.h"

namespace vpnd::bsd {
namespace {

constexpr std::string_view kSuffix = ".held";
constexpr const char* kLockSuffix = ".lock";
constexpr std::string_view kBoot = "boot ";
// The kernel reckons it from a clock that is set while it runs.
constexpr std::int64_t kSameBoot = 300;  // seconds

std::string path_of(const std::string& directory, const std::string& interface) {
  return fmt::format("{}/{}{}", directory, interface, kSuffix);
}
std::string lock_of(const std::string& directory, const std::string& interface) {
  return fmt::format("{}/{}{}", directory, interface, kLockSuffix);
}

// The first line says of which boot; a last line that was cut is nothing. nullopt: of another boot.
std::optional<std::vector<std::string>> lines_of(std::string_view text, std::int64_t boot) {
  std::vector<std::string> out;
  if (!text.starts_with(kBoot)) return std::nullopt;
  text.remove_prefix(kBoot.size());
  const std::string_view number = take_until(text, '\n');
  std::int64_t then = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), then);
  if (error != std::errc{} || end != number.data() + number.size()) return std::nullopt;
  if (then < boot - kSameBoot || then > boot + kSameBoot) return std::nullopt;
  while (text.find('\n') != text.npos) {
    const std::string_view line = take_until(text, '\n');
    if (!line.empty()) out.emplace_back(line);
  }
  return out;
}

}  // namespace

Journal::Journal(System& system, std::string directory, std::string interface)
    : system_(system), directory_(std::move(directory)), interface_(std::move(interface)) {
  lock_ = system_.lock(lock_of(directory_, interface_));
  if (lock_ == -EWOULDBLOCK) {
    throw Error(fmt::format("take {}", interface_), 0, "another vpnd holds it", Exit::temporary,
                "\"vpnd status\" shows what runs.");
  }
  if (lock_ < 0) {
    throw Error(fmt::format("lock {}", lock_of(directory_, interface_)), -lock_, {},
                lock_ == -EACCES ? Exit::permission : Exit::os,
                "Run it as root, or choose another state directory.");
  }
  const auto text = system_.read_text(path_of(directory_, interface_));
  auto left = text ? lines_of(*text, system_.boot_time()) : std::nullopt;
  left_behind_ = left.has_value();
  if (left) lines_ = std::move(*left);
  write();
}

Journal::~Journal() {
  // The lock last: until then nobody else has the name.
  if (lines_.empty()) {
    (void)system_.remove(path_of(directory_, interface_));
    (void)system_.remove(lock_of(directory_, interface_));
  }
  system_.close(lock_);
}

bool Journal::has(const std::string& line) const noexcept {
  return std::ranges::find(lines_, line) != lines_.end();
}

void Journal::note(const std::string& line) noexcept {
  if (has(line)) return;
  lines_.push_back(line);
  write();
}

void Journal::strike(const std::string& line) noexcept {
  if (std::erase(lines_, line) != 0) write();
}

void Journal::write() noexcept {
  std::string text = fmt::format("{}{}\n", kBoot, system_.boot_time());
  for (const std::string& line : lines_) text += line + "\n";
  const int why = system_.write_text(path_of(directory_, interface_), text, 0600);
  if (why == 0 || complained_) return;
  complained_ = true;
  log(Level::warning,
      "the state directory cannot be written to (error {}): after a crash, what was "
      "changed could not be put back",
      why);
}

std::vector<JournalCopy> journals(System& system, const std::string& directory,
                                  const std::string& own) {
  std::vector<JournalCopy> all;
  for (const std::string& name : system.names_in(directory)) {
    if (name.size() <= kSuffix.size() || !name.ends_with(kSuffix)) continue;
    JournalCopy copy;
    copy.interface = name.substr(0, name.size() - kSuffix.size());
    if (copy.interface == own) continue;
    const auto text = system.read_text(directory + "/" + name);
    if (!text) continue;
    auto lines = lines_of(*text, system.boot_time());
    if (!lines) continue;
    copy.lines = std::move(*lines);
    const int lock = system.lock(lock_of(directory, copy.interface));
    copy.living = lock == -EWOULDBLOCK;
    if (lock >= 0) system.close(lock);
    all.push_back(std::move(copy));
  }
  return all;
}

}  // namespace vpnd::bsd
