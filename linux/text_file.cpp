// SPDX-License-Identifier: ISC
#include "linux/text_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "linux/fd.h"

namespace vpnd::nl {

std::string read_text(int fd) {
  std::string text;
  std::array<char, 4096> part;
  off_t at = 0;
  for (;;) {
    const ssize_t n = ::pread(fd, part.data(), part.size(), at);
    if (n <= 0) return text;
    text.append(part.data(), static_cast<std::size_t>(n));
    at += n;
  }
}

std::string read_text(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return fd ? read_text(fd.get()) : std::string();
}

}  // namespace vpnd::nl
