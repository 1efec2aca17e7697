// SPDX-License-Identifier: ISC
#include "linux/journald.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "core/base/bytes.h"

namespace vpnd::nl {

std::string journal_entry(std::span<const JournalField> fields) {
  std::string out;
  for (const JournalField& f : fields) {
    if (f.value.empty()) continue;
    out += f.name;
    if (f.value.find('\n') == f.value.npos) {
      out += '=';
    } else {  // its length, 64 bits little-endian, ends it instead of the line's end
      out += '\n';
      for (std::size_t i = 0; i < 8; ++i) {
        out += static_cast<char>(std::uint64_t{f.value.size()} >> (8 * i) & 0xff);
      }
    }
    out += f.value;
    out += '\n';
  }
  return out;
}

Journald::Journald(std::string path)
    : path_(std::move(path)),
      socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}

// By name each time: a journal that was started anew listens on another socket.
bool Journald::send(std::span<const JournalField> fields) const noexcept {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (!socket_ || path_.size() >= sizeof to.sun_path) return false;
  std::memcpy(to.sun_path, path_.data(), path_.size());
  try {
    const std::string entry = journal_entry(fields);
    const auto n = ::sendto(socket_.get(), entry.data(), entry.size(), MSG_NOSIGNAL,
                            reinterpret_cast<const sockaddr*>(&to), sizeof to);
    return n == static_cast<ssize_t>(entry.size());
  } catch (const std::exception&) {
    return false;
  }
}

bool stderr_is_journal() noexcept {
  const char* const said = std::getenv("JOURNAL_STREAM");
  struct stat info {};
  if (said == nullptr || ::fstat(STDERR_FILENO, &info) != 0) return false;
  char* end = nullptr;
  const auto device = std::strtoull(said, &end, 10);
  if (end == said || *end != ':') return false;
  const char* const second = end + 1;
  const auto inode = std::strtoull(second, &end, 10);
  return end != second && *end == '\0' && device == info.st_dev && inode == info.st_ino;
}

}  // namespace vpnd::nl
