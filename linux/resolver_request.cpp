// SPDX-License-Identifier: ISC
#include "linux/resolver_request.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "core/base/error.h"
#include "core/plan/message_io.h"
#include "linux/fd.h"
#include "linux/resolver_errand.h"

namespace vpnd::nl {
namespace {

using Task = ResolverRequest::Task;

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kNameRoom = 253;
// A little more than the service gives systemd-resolved.
constexpr timeval kPatience{4, 0};

// As many as are said; each has its own room.
template<class Io, class T, class Each>
void list(Io& io, std::vector<T>& values, std::size_t most, Each each) {
  auto count = static_cast<std::uint8_t>(std::min(values.size(), most));
  io.limited(count, static_cast<std::uint8_t>(most));
  values.resize(count);
  for (T& value : values) each(value);
}

template<class Io>
void fields(Io& io, ResolverRequest& r) {
  std::uint8_t version = kVersion;
  io.limited(version, kVersion);
  io.enumerated(r.task, Task::restore);
  io.number(r.link);
  io.boolean(r.even_if_not_heeded);
  io.text(r.dns.interface, 15);
  io.enumerated(r.dns.mode, plan::DnsMode::off);
  list(io, r.dns.servers, plan::kMostDnsServers, [&io](Address& a) { io.address(a); });
  list(io, r.dns.domains, plan::kMostDnsDomains, [&io](std::string& d) { io.text(d, kNameRoom); });
}

bool sensible(const ResolverRequest& r) {
  const bool by_link = r.task == Task::tell || r.task == Task::untell;
  if (by_link != (r.link != 0) || r.link > 0x7fffffff) return false;
  const bool nameless = r.task == Task::untell || r.task == Task::restore;
  if (r.dns.interface.empty() ? !nameless : !plan::valid_interface_name(r.dns.interface)) {
    return false;
  }
  if (r.task == Task::tell || r.task == Task::write) {
    return !r.dns.servers.empty() && std::ranges::all_of(r.dns.servers, plan::is_unicast) &&
           std::ranges::all_of(r.dns.domains, plan::valid_host_name);
  }
  return r.dns.servers.empty() && r.dns.domains.empty();
}

Fd connect_to(const std::string& path) noexcept {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd || path.size() >= sizeof to.sun_path) return {};
  std::memcpy(to.sun_path, path.data(), path.size());
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return {};
  return fd;
}

[[noreturn]] void refuse(std::string_view why, int errnum = 0) {
  throw Error("have the resolver set by vpnd-dns.service", errnum, std::string(why));
}

}  // namespace

std::vector<std::uint8_t> encode(const ResolverRequest& request) {
  plan::MessageWriter out;
  ResolverRequest copy = request;
  fields(out, copy);
  return out.take();
}

std::optional<ResolverRequest> decode_resolver_request(Bytes in) {
  if (in.size() > kMostRequestBytes) return std::nullopt;
  plan::MessageReader reader(in);
  ResolverRequest request;
  fields(reader, request);
  if (!reader.finished() || in[0] != kVersion || !sensible(request)) return std::nullopt;
  return request;
}

bool asks_resolver_service(const std::string& path) noexcept {
  return ::geteuid() != 0 && ::access(path.c_str(), W_OK) == 0;
}

std::string ask_resolver_service(const ResolverRequest& request, const std::string& path) {
  const Fd fd = connect_to(path);
  if (!fd) refuse("", errno);
  const auto bytes = encode(request);
  if (::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) refuse("", errno);
  std::array<char, 1024> room{};
  const ssize_t n = ::recv(fd.get(), room.data(), room.size(), 0);
  if (n <= 0) refuse("no answer in time");
  const std::string_view answer(room.data(), static_cast<std::size_t>(n));
  if (answer.starts_with(kErrandFailed)) refuse(answer.substr(kErrandFailed.size()));
  if (!answer.starts_with(kErrandDone)) refuse("it answered nonsense");
  return std::string(answer.substr(std::min(answer.size(), kErrandDone.size() + 1)));
}

}  // namespace vpnd::nl
