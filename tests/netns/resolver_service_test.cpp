// SPDX-License-Identifier: ISC
// Root's service and who asks it, over a resolver file of their own.

#include "linux/resolver_service.h"

#include <criterion/criterion.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>

#include "linux/resolver_file.h"
#include "linux/resolver_request.h"
#include "tests/support/netns.h"
#include "tests/support/private_etc.h"

using namespace vpnd;
using namespace vpnd::nl;
using namespace vpnd::test;
using Task = ResolverRequest::Task;

namespace {

constexpr char kBefore[] = "nameserver 203.0.113.53\n";

std::string text() {
  std::ifstream file(kResolverFile);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

struct Service {
  std::string folder = temporary_directory();
  std::string path = folder + "/socket";
  pid_t child = -1;

  explicit Service(int idle_ms = 30'000) {
    Fd listener(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::strcpy(at.sun_path, path.c_str());
    cr_assert_eq(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    cr_assert_eq(::listen(listener.get(), 8), 0);
    child = ::fork();
    if (child == 0) {
      ::_exit(static_cast<int>(
          serve_resolver({listener.get(), folder, std::chrono::milliseconds(idle_ms)})));
    }
  }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service() { ::kill(child, SIGKILL); }

  std::string ask(const ResolverRequest& r) const { return ask_resolver_service(r, path); }
};

ResolverRequest write_to(const char* interface) {
  return {Task::write,
          0,
          false,
          {interface, plan::DnsMode::automatic, {Address::v4(10, 0, 0, 53)}, {"corp.example"}}};
}

ResolverRequest restore(const char* interface) {
  return {Task::restore, 0, false, {interface, plan::DnsMode::automatic, {}, {}}};
}

}  // namespace

Test(resolver_service, writes_the_file_and_puts_it_back, .init = private_etc) {
  std::ofstream(kResolverFile) << kBefore;
  const Service service;
  cr_assert_eq(service.ask(write_to("vpn0")), "by the resolver file");
  cr_assert(resolver_file_is_ours("vpn0"));
  cr_assert(text().find("nameserver 10.0.0.53") != std::string::npos, "%s", text().c_str());
  cr_assert_eq(service.ask(restore("vpn1")), "", "another's");
  cr_assert(resolver_file_is_ours("vpn0"));
  cr_assert_eq(service.ask(restore("vpn0")), "restored");
  cr_assert_eq(text(), kBefore);
}

Test(resolver_service, says_why_it_cannot_and_goes_on, .init = private_etc) {
  std::ofstream(kResolverFile) << kBefore;
  const Service service;
  ResolverRequest bad = write_to("vpn0");
  bad.dns.servers.clear();
  std::string said;
  try {
    (void)service.ask(bad);
  } catch (const Error& e) {
    said = e.what();
  }
  cr_assert(said.find("not understood") != std::string::npos, "%s", said.c_str());
  cr_assert_eq(text(), kBefore);
  cr_assert_eq(service.ask(write_to("vpn0")), "by the resolver file");
}

Test(resolver_service, ends_when_nobody_comes, .init = private_etc) {
  const Service service(50);
  int status = -1;
  cr_assert_eq(::waitpid(service.child, &status, 0), service.child);
  cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  cr_assert_throw(service.ask(restore("vpn0")), Error);
}

Test(resolver_service, root_asks_nobody) {
  const Service service;
  cr_assert_not(asks_resolver_service(service.path));
  cr_assert_eq(in_child([&service] {
                 become_nobody();
                 return asks_resolver_service(service.folder + "/absent") ? 1 : 0;
               }),
               0);
}
