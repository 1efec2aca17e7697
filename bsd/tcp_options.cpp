// SPDX-License-Identifier: ISC
#include "bsd/tcp_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <array>

namespace vpnd::bsd {
namespace {

[[maybe_unused]] constexpr int kPatience = 60;                 // seconds
[[maybe_unused]] constexpr int kNotSentLowWater = 128 * 1024;  // bytes

void set(int socket, int option, int value) noexcept {
  (void)::setsockopt(socket, IPPROTO_TCP, option, &value, sizeof value);
}

[[maybe_unused]] std::string text_option(int socket, int option) {
  std::array<char, 64> name{};
  socklen_t length = name.size() - 1;
  if (::getsockopt(socket, IPPROTO_TCP, option, name.data(), &length) != 0) return {};
  return name.data();
}

}  // namespace

void set_stream_options(int socket) noexcept {
  set(socket, TCP_NODELAY, 1);
#ifdef TCP_MAXUNACKTIME
  set(socket, TCP_MAXUNACKTIME, kPatience);
#endif
#ifdef TCP_RXT_CONNDROPTIME
  set(socket, TCP_RXT_CONNDROPTIME, kPatience);
#endif
#ifdef TCP_NOTSENT_LOWAT
  set(socket, TCP_NOTSENT_LOWAT, kNotSentLowWater);
#endif
}

std::string congestion_control([[maybe_unused]] int socket) {
#if defined(TCP_CONGESTION)
  return text_option(socket, TCP_CONGESTION);
#elif defined(TCP_CONGCTL)
  return text_option(socket, TCP_CONGCTL);
#else
  return {};
#endif
}

Duration round_trip([[maybe_unused]] int socket) noexcept {
#ifdef TCP_INFO
  tcp_info info{};
  socklen_t length = sizeof info;
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return {};
  return std::chrono::microseconds(info.tcpi_rtt);
#else
  return {};
#endif
}

}  // namespace vpnd::bsd
