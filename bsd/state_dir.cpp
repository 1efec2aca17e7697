// SPDX-License-Identifier: ISC
#include "bsd/state_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "bsd/text_file.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/plan/state_names.h"
#include "crypto/hash.h"
#include "crypto/random.h"

namespace vpnd::bsd {
namespace {

constexpr std::size_t kSecretSize = 32;

Fd open_own(const std::string& path) noexcept {
  return Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
}

bool read_all(const Fd& fd, MutBytes out) noexcept {
  return ::pread(fd.get(), out.data(), out.size(), 0) == static_cast<ssize_t>(out.size());
}

bool write_all(const Fd& fd, Bytes in) noexcept {
  return ::pwrite(fd.get(), in.data(), in.size(), 0) == static_cast<ssize_t>(in.size());
}

// The lock keeps two first starts apart. It is on the disk before anybody is told of it.
bool fill_once(const Fd& fd, MutBytes value) noexcept {
  if (!fd || ::flock(fd.get(), LOCK_EX) < 0) return false;
  bool good = read_all(fd, value);
  if (!good) {
    crypto::random_bytes(value);
    good = write_all(fd, value) && ::fsync(fd.get()) == 0;
  }
  (void)::flock(fd.get(), LOCK_UN);
  return good;
}

// A file without a name.
Fd unnamed_file() noexcept {
  char path[] = P_tmpdir "/vpnd.XXXXXXXXXX";
  Fd fd(::mkstemp(path));
  if (fd) (void)::unlink(path);
  return fd;
}

}  // namespace

bool make_directories(const std::string& path, unsigned mode) noexcept {
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    (void)::mkdir(path.substr(0, at).c_str(), 0755);
  }
  (void)::mkdir(path.c_str(), static_cast<mode_t>(mode));
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

StateDir::StateDir(std::string path) : path_(std::move(path)) {
  if (make_directories(path_, 0700)) return;
  log(Level::warning, "there is no directory {}: nothing is remembered over a restart", path_);
}

Fd StateDir::lease_secret() {
  ByteArray<kSecretSize> secret{};
  Fd fd = open_own(path_ + "/lease-secret");
  if (!fill_once(fd, secret)) {
    log(Level::warning, "no lease secret is kept in {}: clients get new addresses after a restart",
        path_);
    crypto::random_bytes(secret);
    fd = unnamed_file();
    if (!fd || !write_all(fd, secret)) throw Error("make a lease secret", errno, {}, Exit::os);
  }
  crypto::wipe(secret);
  return fd;
}

wire::InstanceId StateDir::instance(const std::string& host, const std::string& interface) {
  wire::InstanceId id{};
  Fd fd = open_own(path_ + "/" + plan::state_file_name("instance-", host, "-" + interface));
  const bool ours = fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0;
  // After a power failure a file may be there without what was in it.
  if (ours && read_all(fd, id) && id != wire::InstanceId{}) {
    locks_.push_back(std::move(fd));
    return id;
  }
  crypto::random_bytes(id);
  if (!ours) return id;
  if (!write_all(fd, id)) log(Level::warning, "cannot keep the instance id in {}", path_);
  locks_.push_back(std::move(fd));
  return id;
}

void StateDir::remember(const std::string& host,
                        const std::vector<Endpoint>& found) const noexcept {
  try {
    std::string text;
    for (const Endpoint& e : found) text += e.address.text() + '\n';
    const Fd fd = open_own(path_ + "/" + plan::state_file_name("address-", host, ""));
    if (!fd || ::ftruncate(fd.get(), 0) < 0) return;
    (void)write_all(fd, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  } catch (const std::exception&) {  // a convenience, no more
  }
}

std::vector<Endpoint> StateDir::recall(const std::string& host, std::uint16_t port) const {
  const std::string kept = read_text(path_ + "/" + plan::state_file_name("address-", host, ""));
  std::vector<Endpoint> out;
  for (std::string_view text = kept; !text.empty();) {
    const auto address = Address::parse(take_until(text, '\n'));
    if (address) out.push_back({*address, port});
  }
  return out;
}

Prefix pool_v6_of(const Fd& lease_secret) {
  ByteArray<kSecretSize> secret{};
  if (!read_all(lease_secret, secret)) throw Error("read the lease secret", errno, {}, Exit::os);
  const Prefix pool = plan::derived_pool_v6(secret);
  crypto::wipe(secret);
  return pool;
}

}  // namespace vpnd::bsd
