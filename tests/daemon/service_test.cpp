// SPDX-License-Identifier: ISC
// What a service manager does to a tunnel: signals, ends of every kind, and the clean-up after
// each.

#include <criterion/criterion.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/daemon/lab.h"
#include "tests/daemon/traffic.h"

using namespace vpnd;
using namespace vpnd::test;

namespace fs = std::filesystem;

namespace {

constexpr int kUser = 4711;

struct Bed {
  Lab lab;
  Snapshot before = lab.snapshot(lab.client());
  Child server = lab.start_server();

  bool walled() const {
    return run_program({"nft", "list", "table", "inet", "vpnd_vpn0_wall"}, lab.client().fd())
               .status == 0;
  }
  bool routed() const {
    return lab.try_ip(lab.client(), "rule list").output.find("42069") != std::string::npos;
  }
  bool leaks() const { return lab.ping(lab.client(), Lab::kServer, 1); }
  void as_before(const char* when) {
    const Snapshot now = lab.snapshot(lab.client());
    cr_assert(before == now, "%s:\n%s", when, before.difference(now).c_str());
  }
  // As the service manager runs it.
  void after_service(const char* result, const char* code, const char* status) {
    ::setenv("SERVICE_RESULT", result, 1);
    ::setenv("EXIT_CODE", code, 1);
    ::setenv("EXIT_STATUS", status, 1);
    const Finished f = lab.vpnd(lab.client(), "client0", {"cleanup", "--after-service", "vpn0"});
    cr_assert_eq(f.status, 0, "%s", f.output.c_str());
  }
  void cleanup() {
    const Finished f = lab.vpnd(lab.client(), "client0", {"cleanup"});
    cr_assert_eq(f.status, 0, "%s", f.output.c_str());
  }
};

}  // namespace

Test(service, usr1_leaves_all_to_the_next_process) {
  Bed b;
  {
    Child client = b.lab.start_client();
    client.signal(SIGUSR1);
    cr_assert_eq(client.wait(5), 0, "%s", client.output().c_str());
    cr_assert(client.output().find("stays for the next process") != std::string::npos);
  }
  b.after_service("success", "exited", "0");
  cr_assert(b.walled() && b.routed(), "a restart finds what was left for it");
  cr_assert_not(b.leaks());
  Child next = b.lab.start_client();
  cr_assert(b.lab.ping(b.lab.client(), Lab::kTarget4), "%s", next.output().c_str());
  next.signal(SIGTERM);
  cr_assert_eq(next.wait(5), 0, "%s", next.output().c_str());
  b.after_service("success", "exited", "0");
  b.as_before("after a restart and a stop");
}

Test(service, usr1_of_a_server_keeps_the_translation) {
  Bed b;
  const Snapshot before = b.lab.snapshot(b.lab.server());
  b.server.signal(SIGUSR1);
  cr_assert_eq(b.server.wait(5), 0, "%s", b.server.output().c_str());
  const auto table = [&b] {
    return run_program({"nft", "list", "tables"}, b.lab.server().fd()).output;
  };
  cr_assert(table().find("vpnd_vpns") != std::string::npos, "%s", table().c_str());
  Child next = b.lab.start_server();
  Child client = b.lab.start_client();
  cr_assert(b.lab.ping(b.lab.client(), Lab::kTarget4), "%s", next.output().c_str());
}

Test(service, usr2_writes_the_status_into_the_log) {
  Bed b;
  Child client = b.lab.start_client();
  cr_assert(client.output().find("kill switch") == std::string::npos);
  client.signal(SIGUSR2);
  cr_assert(client.says("kill switch", 5), "%s", client.output().c_str());
  cr_assert(b.lab.ping(b.lab.client(), Lab::kTarget4), "%s", client.output().c_str());
}

Test(service, a_second_signal_ends_at_once_and_cleanup_does_the_rest) {
  Bed b;
  Child client = b.lab.start_client();
  // Both are there when it looks.
  client.signal(SIGSTOP);
  client.signal(SIGTERM);
  client.signal(SIGINT);
  client.signal(SIGCONT);
  const int status = client.wait(5);
  cr_assert(status == 128 + SIGTERM || status == 128 + SIGINT, "%d", status);
  cr_assert(client.output().find("ended at once") != std::string::npos, "%s",
            client.output().c_str());
  cr_assert(b.walled() && b.routed());
  cr_assert_not(b.leaks());
  b.cleanup();
  b.as_before("after cleanup");
}

Test(service, whatever_the_end_was_the_wall_holds) {
  Bed b;
  {
    Child client = b.lab.start_client();
    client.signal(SIGKILL);
    client.wait();
  }
  b.after_service("signal", "killed", "KILL");
  cr_assert(b.walled() && b.routed(), "it comes again, and finds what it left");
  cr_assert_not(b.leaks());
  b.after_service("exit-code", "exited", "78");
  cr_assert(b.walled(), "it was given up, but nobody said that all may leave");
  cr_assert_not(b.routed());
  cr_assert_not(b.leaks());
  b.cleanup();
  b.as_before("after cleanup");
}

Test(service, after_service_of_another_tunnel_is_no_business_of_ours) {
  Bed b;
  {
    Child client = b.lab.start_client();
    client.signal(SIGKILL);
    client.wait();
  }
  ::setenv("SERVICE_RESULT", "success", 1);
  const Finished f = b.lab.vpnd(b.lab.client(), "client0", {"cleanup", "--after-service", "other"});
  cr_assert_eq(f.status, 0, "%s", f.output.c_str());
  cr_assert(b.walled() && b.routed());
}

Test(service, a_locked_host_lets_nothing_out_until_its_tunnel_runs) {
  Bed b;
  const std::string file = b.lab.directory() + "/vpn0.toml";
  std::ofstream(file) << "mode = \"client\"\n[identity]\nkey = \"" << b.lab.key()
                      << "\"\n[interface]\nname = \"vpn0\"\n[[peer]]\nendpoint = [\""
                      << Lab::kServer << ":443\"]\n[kill_switch]\nmode = \"always\"\n";
  cr_assert(b.leaks(), "an open host");
  const Finished locked = b.lab.vpnd(b.lab.client(), "client0", {"lock", file});
  cr_assert_eq(locked.status, 0, "%s", locked.output.c_str());
  cr_assert(b.walled());
  cr_assert_not(b.leaks());
  std::vector<std::string> words{vpnd_program(), "run", file};
  for (const std::string& word : b.lab.places("client0")) words.push_back(word);
  Child client(words, b.lab.client().fd());
  cr_assert(client.says("connected,"), "%s", client.output().c_str());
  cr_assert(b.lab.ping(b.lab.client(), Lab::kTarget4));
  const Finished again = b.lab.vpnd(b.lab.client(), "client0", {"lock", file});
  cr_assert_eq(again.status, 0, "%s", again.output.c_str());
  cr_assert(b.lab.ping(b.lab.client(), Lab::kTarget4), "a running tunnel is left alone");
  client.signal(SIGTERM);
  cr_assert_eq(client.wait(5), 0, "%s", client.output().c_str());
  cr_assert_not(b.leaks());
  b.cleanup();
  b.as_before("after cleanup");
}

namespace {

// Files of an ordinary user, and the program where that user may run it.
struct UserFiles {
  std::string folder, program, credentials, config;
  std::vector<std::string> places;

  explicit UserFiles(Lab& lab) : folder(lab.directory() + "/user") {
    fs::create_directories(folder + "/credentials");
    fs::permissions(lab.directory(), fs::perms{0711});
    program = folder + "/vpnd";
    fs::copy_file(vpnd_program(), program);
    credentials = folder + "/credentials";
    fs::copy_file(lab.key(), credentials + "/key");
    config = folder + "/home.toml";
    std::ofstream(config) << "mode = \"client\"\n[identity]\nkey = { credential = \"key\" }\n"
                             "[interface]\nname = \"vpn0\"\n[[peer]]\nendpoint = [\""
                          << Lab::kServer << ":443\"]\n";
    for (const char* name : {"/state", "/run"}) fs::create_directories(folder + name);
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      cr_assert_eq(::chown(entry.path().c_str(), kUser, kUser), 0);
    }
    // As an access list for the user shows.
    cr_assert_eq(::chmod((credentials + "/key").c_str(), 0440), 0);
    places = {"--state-dir", folder + "/state", "--run-dir", folder + "/run"};
  }
};

// As udev leaves it, and not as it may be here: over the machine's own, for this process.
void open_device_node(const Lab& lab) {
  const std::string node = lab.directory() + "/tun";
  const bool made = ::mknod(node.c_str(), S_IFCHR | 0666, ::makedev(10, 200)) == 0 &&
                    ::chmod(node.c_str(), 0666) == 0 && ::unshare(CLONE_NEWNS) == 0 &&
                    ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                    ::mount(node.c_str(), "/dev/net/tun", nullptr, MS_BIND, nullptr) == 0;
  const Fd fd(made ? ::open("/dev/net/tun", O_RDWR | O_CLOEXEC) : -1);
  if (!fd) cr_skip_test("no device node can be had that ordinary users may open");
}

}  // namespace

Test(service, an_ordinary_user_with_one_capability_and_a_credential) {
  Bed b;
  open_device_node(b.lab);
  const UserFiles files(b.lab);
  ::setenv("CREDENTIALS_DIRECTORY", files.credentials.c_str(), 1);
  const std::string user = std::to_string(kUser);
  std::vector<std::string> words{
      "setpriv",        "--reuid",    user,         "--regid",        user,
      "--clear-groups", "--inh-caps", "+net_admin", "--ambient-caps", "+net_admin",
      files.program,    "run",        files.config};
  words.insert(words.end(), files.places.begin(), files.places.end());
  Child client(words, b.lab.client().fd());
  cr_assert(client.says("connected,"), "%s", client.output().c_str());
  cr_assert(b.lab.ping(b.lab.client(), Lab::kTarget4), "%s", client.output().c_str());
  std::vector<std::string> ask{files.program, "status"};
  ask.insert(ask.end(), files.places.begin(), files.places.end());
  const Finished status = run_program(ask, b.lab.client().fd());
  cr_assert_eq(status.status, 0, "%s", status.output.c_str());
  cr_assert(status.output.find("share one user") != std::string::npos, "%s", status.output.c_str());
  client.signal(SIGTERM);
  cr_assert_eq(client.wait(5), 0, "%s", client.output().c_str());
  b.as_before("after an ordinary user's tunnel");
}
