// SPDX-License-Identifier: ISC
#include "tests/daemon/manager.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <sstream>

#include "core/base/bytes.h"
#include "core/base/error.h"
#include "linux/socket.h"
#include "tests/daemon/lab.h"

namespace vpnd::test {
namespace {

bool same_file(const Fd& a, const Fd& b) {
  return ::syscall(SYS_kcmp, ::getpid(), ::getpid(), KCMP_FILE, a.get(), b.get()) == 0;
}

// From number 3 on, whatever is there now.
void pass(const std::vector<int>& fds) {
  constexpr int kFirst = 3, kOutOfTheWay = 200;
  std::vector<int> high;
  for (const int fd : fds) high.push_back(::fcntl(fd, F_DUPFD_CLOEXEC, kOutOfTheWay));
  for (std::size_t i = 0; i < high.size(); ++i) ::dup2(high[i], kFirst + static_cast<int>(i));
}

void say(const char* name, const std::string& value) {
  ::setenv(name, value.c_str(), 1);
}

}  // namespace

Manager::Manager(const std::string& folder, bool keeps) : path_(folder + "/notify"), keeps_(keeps) {
  ::unlink(path_.c_str());
  socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un a{};
  a.sun_family = AF_UNIX;
  path_.copy(a.sun_path, sizeof a.sun_path - 1);
  if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&a), sizeof a) != 0) {
    throw Error("bind " + path_, errno);
  }
  thread_ = std::thread([this] { listen(); });
}

Manager::~Manager() {
  stop_ = true;
  thread_.join();
}

void Manager::listen() {
  while (!stop_) {
    pollfd more{socket_.get(), POLLIN, 0};
    if (::poll(&more, 1, 20) <= 0) continue;
    ByteArray<4096> room;
    auto got = nl::receive_message(socket_.get(), room.data(), room.size());
    if (got) take(std::string(room.begin(), room.begin() + got->size), std::move(got->fds));
  }
}

void Manager::take(const std::string& message, std::vector<Fd> fds) {
  const std::lock_guard lock(mutex_);
  std::string name;
  bool store = false, remove = false;
  std::istringstream in(message);
  for (std::string line; std::getline(in, line);) {
    lines_.push_back(line);
    if (line.starts_with("FDNAME=")) name = line.substr(7);
    store = store || line == "FDSTORE=1";
    remove = remove || line == "FDSTOREREMOVE=1";
  }
  if (remove) std::erase_if(stored_, [&](const Stored& s) { return s.name == name; });
  if (!store || !keeps_) return;
  for (Fd& fd : fds) {
    const auto known = [&fd](const Stored& s) { return same_file(s.fd, fd); };
    if (std::ranges::none_of(stored_, known)) stored_.push_back({name, std::move(fd)});
  }
}

Child Manager::start(const std::vector<std::string>& arguments, int netns) {
  const std::lock_guard lock(mutex_);
  std::vector<int> fds;
  std::string names;
  for (const Fd& fd : unit_sockets) {
    fds.push_back(fd.get());
    names += (names.empty() ? "" : ":") + std::string("vpnd@test.socket");
  }
  for (const Stored& s : stored_) {
    fds.push_back(s.fd.get());
    names += (names.empty() ? "" : ":") + s.name;
  }
  return Child(arguments, netns, [&] {
    const std::string self = std::to_string(::getpid());
    pass(fds);
    say("NOTIFY_SOCKET", path_);
    if (watchdog != 0) {
      say("WATCHDOG_USEC", std::to_string(watchdog));
      say("WATCHDOG_PID", self);
    }
    if (fds.empty()) return;
    say("LISTEN_PID", self);
    say("LISTEN_FDS", std::to_string(fds.size()));
    say("LISTEN_FDNAMES", names);
  });
}

std::size_t Manager::heard(const std::string& line) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::ranges::count(lines_, line));
}

bool Manager::hears(const std::string& line, std::size_t times, double seconds) const {
  return eventually([&] { return heard(line) >= times; }, seconds);
}

std::string Manager::status() const {
  const std::lock_guard lock(mutex_);
  for (auto line = lines_.rbegin(); line != lines_.rend(); ++line) {
    if (line->starts_with("STATUS=")) return line->substr(7);
  }
  return {};
}

std::vector<std::string> Manager::kept() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  for (const Stored& s : stored_) out.push_back(s.name);
  std::ranges::sort(out);
  return out;
}

void Manager::lose(const std::string& name) {
  const std::lock_guard lock(mutex_);
  std::erase_if(stored_, [&](const Stored& s) { return name.empty() || s.name == name; });
}

}  // namespace vpnd::test
