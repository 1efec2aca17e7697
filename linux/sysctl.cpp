// SPDX-License-Identifier: ISC
#include "linux/sysctl.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>
#include <system_error>

#include "linux/fd.h"

namespace vpnd::nl {
namespace {

constexpr char kRoot[] = "/proc/sys/net/ipv6/conf/";

bool plain(const std::string& name) noexcept {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
}

std::string path_of(const std::string& interface, const std::string& key) {
  return kRoot + interface + "/" + key;
}

}  // namespace

std::optional<int> sysctl6(const std::string& interface, const std::string& key) noexcept {
  if (!plain(interface) || !plain(key)) return std::nullopt;
  const Fd fd(::open(path_of(interface, key).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  std::array<char, 32> text{};
  const ssize_t n = ::read(fd.get(), text.data(), text.size());
  int value = 0;
  if (n <= 0 || std::from_chars(text.data(), text.data() + n, value).ec != std::errc{}) {
    return std::nullopt;
  }
  return value;
}

int set_sysctl6(const std::string& interface, const std::string& key, int value) noexcept {
  if (!plain(interface) || !plain(key)) return EINVAL;
  const Fd fd(::open(path_of(interface, key).c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return errno;
  const std::string text = std::to_string(value);
  return ::write(fd.get(), text.data(), text.size()) < 0 ? errno : 0;
}

std::vector<std::string> sysctl6_interfaces() {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(kRoot), ::closedir);
  if (!dir) return names;
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string name = entry->d_name;
    if (plain(name) && name != "all" && name != "default") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace vpnd::nl
