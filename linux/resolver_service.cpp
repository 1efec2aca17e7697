// SPDX-License-Identifier: ISC
#include "linux/resolver_service.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "core/host.h"
#include "linux/confine.h"
#include "linux/fd.h"
#include "linux/resolver_bus.h"
#include "linux/resolver_errand.h"
#include "linux/resolver_file.h"
#include "linux/resolver_request.h"

namespace vpnd {
namespace nl {
namespace {

constexpr int kFirstPassed = 3;
constexpr timeval kPatience{2, 0};  // with who connects and then says nothing

std::string carry_out(const ResolverRequest& r, const std::string& state_directory) {
  using Task = ResolverRequest::Task;
  const int link = static_cast<int>(r.link);
  switch (r.task) {
    case Task::tell:
      tell_resolved(r.dns, link, r.even_if_not_heeded);
      return "by systemd-resolved";
    case Task::untell:
      untell_resolved(link);
      return "";
    case Task::write:
      return write_resolver_file(r.dns, state_directory);
    case Task::restore:
      return restore_resolver_file(r.dns.interface, state_directory) ? "restored" : "";
  }
  return "";
}

std::string answer_to(Bytes bytes, const std::string& state_directory) {
  const auto request = decode_resolver_request(bytes);
  if (!request) return std::string(kErrandFailed) + "the request is not understood";
  try {
    return fmt::format("{} {}", kErrandDone, carry_out(*request, state_directory));
  } catch (const Error& e) {
    return std::string(kErrandFailed) + e.what();
  }
}

void serve_one(const Fd& fd, const std::string& state_directory) {
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  ByteArray<kMostRequestBytes> room;
  const ssize_t n = ::recv(fd.get(), room.data(), room.size(), 0);
  if (n <= 0) return;
  const std::string answer =
      answer_to(Bytes(room).first(static_cast<std::size_t>(n)), state_directory);
  (void)::send(fd.get(), answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

int number(const char* name) {
  const char* const text = std::getenv(name);
  return text == nullptr ? -1 : std::atoi(text);
}

}  // namespace

int passed_listener() {
  int type = 0, listens = 0;
  socklen_t size = sizeof type;
  const bool one = number("LISTEN_PID") == ::getpid() && number("LISTEN_FDS") == 1;
  if (!one || ::getsockopt(kFirstPassed, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
      ::getsockopt(kFirstPassed, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 ||
      type != SOCK_SEQPACKET || listens != 1) {
    throw usage_error("dns is for a service manager, which passes it a socket",
                      "systemctl start vpnd-dns.socket");
  }
  return kFirstPassed;
}

Exit serve_resolver(const ResolverService& service) {
  for (;;) {
    pollfd waiting{service.listener, POLLIN, 0};
    const int n = ::poll(&waiting, 1, static_cast<int>(service.idle.count()));
    if (n < 0 && errno != EINTR) throw Error("wait", errno, {}, Exit::os);
    if (n == 0) return Exit::ok;
    const Fd fd(::accept4(service.listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (fd) serve_one(fd, service.state_directory);
  }
}

}  // namespace nl

Exit host::serve_resolver(const Places& places) {
  return nl::serve_resolver({nl::passed_listener(), places.state});
}

}  // namespace vpnd
