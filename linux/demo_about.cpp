// SPDX-License-Identifier: ISC
#include "linux/demo_about.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/utsname.h>

#include <ctime>
#include <string_view>
#include <thread>

#include "core/plan/status.h"
#include "core/wire/hello.h"
#include "core/wire/key_issue.h"
#include "linux/text_file.h"

namespace vpnd::demo {
namespace {

// The rest of the first line that begins so, without what stands around it.
std::string value_of(const std::string& text, std::string_view begin, std::string_view around) {
  const auto at = text.starts_with(begin) ? 0 : text.find(fmt::format("\n{}", begin));
  if (at == text.npos) return {};
  const auto from = text.find_first_not_of(around, text.find(begin, at) + begin.size());
  const auto end = text.find('\n', from);
  std::string value = from == text.npos ? std::string() : text.substr(from, end - from);
  while (!value.empty() && around.find(value.back()) != around.npos) value.pop_back();
  return value;
}

std::string ciphers() {
  std::vector<std::string_view> names;
  for (const auto cipher : wire::kCipherOrder) {
    if ((crypto::offered_ciphers() & static_cast<unsigned>(cipher)) != 0) {
      names.push_back(plan::cipher_name(cipher));
    }
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  return fmt::format("{:%Y-%m-%d %H:%M} UTC", utc);
}

}  // namespace

std::vector<Setting> about_this_run() {
  utsname name{};
  (void)::uname(&name);
  std::vector<Setting> out = {
      {"vpnd", VPND_VERSION " (protocol vpnd/1)"},
      {"Ciphers", fmt::format("{}, by {}", ciphers(), wire::cipher_library())},
      {"Date", today()},
      {"Kernel", fmt::format("{} {} {}", name.sysname, name.release, name.machine)}};
  // Of some machines and systems neither is known.
  const std::string system =
      value_of(nl::read_text(std::string("/etc/os-release")), "PRETTY_NAME=", "\"'");
  if (!system.empty()) out.push_back({"System", system});
  const std::string processor =
      value_of(nl::read_text(std::string("/proc/cpuinfo")), "model name", " \t:");
  const unsigned cores = std::thread::hardware_concurrency();
  out.push_back({"Machine", fmt::format("{}{} core{}", processor.empty() ? "" : processor + ", ",
                                        cores, cores == 1 ? "" : "s")});
  return out;
}

}  // namespace vpnd::demo
