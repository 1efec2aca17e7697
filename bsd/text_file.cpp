// SPDX-License-Identifier: ISC
#include "bsd/text_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "bsd/fd.h"

namespace vpnd::bsd {

std::string read_text(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::string text;
  std::array<char, 4096> part;
  while (fd) {
    const auto n = ::read(fd.get(), part.data(), part.size());
    if (n <= 0) break;
    text.append(part.data(), static_cast<std::size_t>(n));
  }
  return text;
}

}  // namespace vpnd::bsd
