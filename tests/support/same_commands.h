// SPDX-License-Identifier: ISC
#pragma once

// For comparing what the program made with what a shell made of `vpnd plan --format=ip`.

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "linux/fd.h"

namespace vpnd::test {

// A snapshot without what no command can do: an owner of a table.
inline std::string comparable(const std::string& snapshot) {
  std::string text = std::regex_replace(snapshot, std::regex(" # progname [^\n]*"), "");
  text = std::regex_replace(text, std::regex("\n\tflags [^\n]*"), "");
  return std::regex_replace(text, std::regex("\n\n+"), "\n");
}

// As the program is attached to the device that it made: without that there is no carrier.
inline Fd attach_to(const std::string& device) {
  Fd fd(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  ifreq request{};
  device.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_flags = static_cast<short>(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE);
  if (!fd || ::ioctl(fd.get(), TUNSETIFF, &request) != 0) throw Error("attach to " + device, errno);
  return fd;
}

// Lines that only one of them has, or else where they begin to differ.
inline std::string text_difference(const std::string& a, const std::string& b) {
  const auto lines_of = [](const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  };
  std::vector<std::string> x = lines_of(a), y = lines_of(b);
  const auto [at, other] = std::mismatch(x.begin(), x.end(), y.begin(), y.end());
  std::string begin = "from line " + std::to_string(at - x.begin()) + ":\n";
  if (at != x.end()) begin += "< " + *at + "\n";
  if (other != y.end()) begin += "> " + *other + "\n";
  std::ranges::sort(x);
  std::ranges::sort(y);
  std::vector<std::string> only;
  std::string out;
  std::ranges::set_difference(x, y, std::back_inserter(only));
  for (const std::string& line : only) out += "- " + line + "\n";
  only.clear();
  std::ranges::set_difference(y, x, std::back_inserter(only));
  for (const std::string& line : only) out += "+ " + line + "\n";
  return out.empty() ? begin : out;
}

}  // namespace vpnd::test
