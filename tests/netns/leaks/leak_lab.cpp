// SPDX-License-Identifier: ISC
#include "tests/netns/leaks/leak_lab.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fmt/format.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

#include "core/wire/ip.h"
#include "core/wire/look_up.h"
#include "linux/socket.h"

namespace vpnd::test {
namespace {

using namespace std::chrono_literals;

void send_from(const Address& to, int port, const std::string& device, int type) {
  const int family = to.is_v4() ? AF_INET : AF_INET6;
  const Fd fd(::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!device.empty()) {
    ::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, device.c_str(),
                 static_cast<socklen_t>(device.size() + 1));
  }
  sockaddr_storage there{};
  const auto size =
      static_cast<socklen_t>(nl::to_sockaddr({to, static_cast<std::uint16_t>(port)}, there));
  const auto* address = reinterpret_cast<const sockaddr*>(&there);
  if (type == SOCK_STREAM) {
    (void)::connect(fd.get(), address, size);
    return;
  }
  for (int i = 0; i < 3; ++i) (void)::sendto(fd.get(), "leak?", 5, 0, address, size);
}

}  // namespace

LeakLab::LeakLab(const std::string& client_program, const Endpoint& server) {
  lab.client_program = client_program;
  lab.router().run([&] { watch_ = std::make_unique<demo::Watch>("c0", server); });
  answer_for_everybody();
  plant();
}

// As the router of an attacker does. Otherwise what leaves for an address that is taken for a
// neighbour's would end as the question for it, which is not counted.
void LeakLab::answer_for_everybody() const {
  std::istringstream line(lab.try_ip(lab.router(), "-br link show c0").output);
  std::string name, state, mac;
  line >> name >> state >> mac;
  for (const Address& target : {target4, target6}) {
    lab.ip(lab.client(), fmt::format("neigh replace {} lladdr {} dev eth0", target.text(), mac));
  }
}

// A watch that sees nothing would pass every test.
void LeakLab::plant() {
  probe(Address::parse("203.0.113.1").value(), 9);
  cr_assert(eventually([this] { return frames() > 0; }, 3), "the watch does not see");
  std::this_thread::sleep_for(50ms);
  (void)frames();
}

void LeakLab::start_server(const std::string& settings) {
  server_.reset();
  server_ =
      std::make_unique<Child>(settings.empty() ? lab.start_server() : lab.run_server(settings));
}

void LeakLab::stop_server() {
  server_->signal(SIGKILL);
  server_->wait();
}

void LeakLab::start_client(const std::vector<std::string>& options) {
  client_.reset();
  client_ = std::make_unique<Child>(lab.start_client(0, options));
}

void LeakLab::run_client(const std::string& settings) {
  client_.reset();
  client_ = std::make_unique<Child>(lab.run_client(settings));
}

void LeakLab::start(const std::string& server_settings) {
  if (!responder_) responder_ = std::make_unique<Responder>(lab.target(), kPort);
  start_server(server_settings);
  start_client();
  cr_assert(through(target4) && through(target6), "%s", client_->output().c_str());
}

void LeakLab::kill_client() {
  const auto engines = Lab::children(client_->pid());
  client_->signal(SIGKILL);
  client_->wait();
  for (const pid_t engine : engines) kill(engine, SIGKILL);
}

bool LeakLab::ip(const std::string& words) const {
  return lab.try_ip(lab.client(), words).status == 0;
}

void LeakLab::filter_strictly(const std::string& which) const {
  lab.client().run([&] { std::ofstream("/proc/sys/net/ipv4/conf/" + which + "/rp_filter") << 1; });
}

bool LeakLab::through(const Address& to, int count) const {
  for (int i = 0; i < count; ++i) {
    if (!udp_echo(lab.client(), to, kPort)) return false;
  }
  return true;
}

void LeakLab::probe_from(const Namespace& from, const Address& to, int port,
                         const std::string& device) const {
  from.run([&] {
    for (const int type : {SOCK_DGRAM, SOCK_STREAM}) send_from(to, port, device, type);
  });
}

void LeakLab::probe(const Address& to, int port, const std::string& device) const {
  probe_from(lab.client(), to, port, device);
}

void LeakLab::admit_look_ups(const Address& resolver, const std::string& text) {
  const wire::DnsName name = wire::DnsName::parse(text).value();
  watch_->expected = [resolver, name](Bytes packet) {
    const auto ip = wire::parse_ip(packet);
    if (!ip || ip->protocol != IPPROTO_UDP || ip->fragment) return false;
    const Bytes udp = packet.subspan(ip->transport_offset);
    if (udp.size() < 8 + 12) return false;
    const bool there = ip->destination == resolver && load_be16(&udp[2]) == wire::kDnsPort;
    const bool back = ip->source == resolver && load_be16(&udp[0]) == wire::kDnsPort;
    const Bytes message = udp.subspan(8);
    for (const auto type : {wire::DnsType::a, wire::DnsType::aaaa}) {
      // The whole of a question, and of an answer its repetition.
      const auto asked = wire::encode({name, type, load_be16(message.data())});
      if (there && std::ranges::equal(message, asked)) return true;
      if (back && message.size() >= asked.size() &&
          std::ranges::equal(message.subspan(12, asked.size() - 12), Bytes(asked).subspan(12))) {
        return true;
      }
    }
    return false;
  };
}

std::uint64_t LeakLab::look_ups() {
  return watch_->take().expected;
}

std::string LeakLab::leaked() {
  std::this_thread::sleep_for(50ms);
  const demo::Seen seen = watch_->take();
  cr_assert_eq(seen.lost, 0u, "the watch could not keep up");
  std::string out;
  for (const std::string& s : seen.samples) out += s + "\n";
  return seen.clear == 0 ? std::string() : fmt::format("{} frames\n{}", seen.clear, out);
}

std::uint64_t LeakLab::frames() {
  return watch_->take().clear;
}

void clean(LeakLab& l, const std::string& when) {
  const std::string leaks = l.leaked();
  cr_assert(leaks.empty(), "%s: %s", when.c_str(), leaks.c_str());
}

void only_the_wall_holds(const std::function<void(LeakLab&)>& steps) {
  {
    LeakLab with;
    steps(with);
    clean(with, "with the wall");
  }
  LeakLab without(variant_program("nowall"));
  steps(without);
  std::this_thread::sleep_for(50ms);
  cr_assert_gt(without.frames(), 0u, "it does not take the wall to hold this");
}

}  // namespace vpnd::test
