// SPDX-License-Identifier: ISC
// What the processes of a running tunnel may still do, and that it is enough: for a new engine, for
// the end, for an ordinary user, for files that belong to somebody else.

#include <criterion/criterion.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>

#include "tests/daemon/lab.h"
#include "tests/daemon/traffic.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

namespace fs = std::filesystem;
using Fields = std::map<std::string, std::string>;

constexpr unsigned kSomebody = 65534;
constexpr char kNone[] = "0000000000000000";
// CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_NET_ADMIN; CAP_NET_ADMIN.
constexpr std::uint64_t kRootKeeper = 0x10e0, kUserKeeper = 0x1000;
constexpr std::uint64_t kDacOverride = 0x2, kDacReadSearch = 0x4;

Fields read_fields(const std::string& path) {
  Fields out;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(":\t");
    if (colon != std::string::npos) out[line.substr(0, colon)] = line.substr(colon + 2);
  }
  return out;
}

Fields status_of(pid_t pid) {
  return read_fields(fmt::format("/proc/{}/status", pid));
}

pid_t engine_of(const Child& keeper) {
  const auto below = Lab::children(keeper.pid());
  cr_assert_eq(below.size(), 1, "%zu processes below the keeper", below.size());
  return below.front();
}

bool dumps_no_core(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/limits", pid));
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("Max core file size")) return line.find(" 0   ") != line.npos;
  }
  return false;
}

// Or there would be none whatever we do.
void let_cores_be_dumped() {
  rlimit cores{};
  cr_assert_eq(getrlimit(RLIMIT_CORE, &cores), 0);
  cores.rlim_cur = cores.rlim_max;
  cr_assert_eq(setrlimit(RLIMIT_CORE, &cores), 0);
}

// To the kernel, what can be read of a process belongs to its user only while that may read all.
bool closed_to_its_user(pid_t pid) {
  struct stat info {};
  cr_assert_eq(stat(fmt::format("/proc/{}/environ", pid).c_str(), &info), 0);
  return info.st_uid == 0;
}

void expect_field(const Fields& fields, const char* key, const std::string& value) {
  const auto found = fields.find(key);
  cr_assert(found != fields.end(), "no %s", key);
  cr_expect_eq(found->second, value, "%s is %s", key, found->second.c_str());
}

void expect_keeper(const Child& keeper, std::uint64_t capabilities) {
  const Fields f = status_of(keeper.pid());
  for (const char* set : {"CapEff", "CapPrm"}) {
    expect_field(f, set, fmt::format("{:016x}", capabilities));
  }
  for (const char* set : {"CapInh", "CapAmb"}) expect_field(f, set, kNone);
  expect_field(f, "NoNewPrivs", "1");
  cr_expect(dumps_no_core(keeper.pid()));
}

// Each of its threads. How many there are.
std::size_t expect_engine(const Child& keeper) {
  const pid_t engine = engine_of(keeper);
  std::size_t threads = 0;
  for (const auto& thread : fs::directory_iterator(fmt::format("/proc/{}/task", engine))) {
    const Fields f = read_fields(thread.path().string() + "/status");
    for (const char* set : {"CapEff", "CapPrm", "CapInh", "CapAmb"}) expect_field(f, set, kNone);
    expect_field(f, "NoNewPrivs", "1");
    expect_field(f, "Seccomp", "2");
    expect_field(f, "Uid", "65534\t65534\t65534\t65534");
    ++threads;
  }
  cr_expect(dumps_no_core(engine));
  return threads;
}

bool somebody_exists() {
  return in_child([] {
           become_nobody();
           return 0;
         }) == 0;
}

// As another user reads it: 0 or errno.
int read_memory(pid_t pid) {
  const std::string path = fmt::format("/proc/{}/mem", pid);
  return in_child([&] {
    become_nobody();
    const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    return fd ? 0 : errno;
  });
}

bool status_says(Lab& lab, const Namespace& ns, const std::string& who, const char* text) {
  const Finished f = lab.vpnd(ns, who, {"status"});
  cr_assert_eq(f.status, 0, "%s", f.output.c_str());
  return f.output.find(text) != std::string::npos;
}

void ends_well(Child& child) {
  child.signal(SIGTERM);
  const int status = child.wait(10);
  cr_assert_eq(status, 0, "%d\n%s", status, child.output().c_str());
}

void make_folder_of_somebody(const std::string& folder, unsigned mode) {
  fs::create_directory(folder);
  fs::permissions(folder, fs::perms(mode));
  cr_assert_eq(chown(folder.c_str(), kSomebody, kSomebody), 0);
}

// Runs the program as somebody with two capabilities and nothing else, as a service manager does.
// The device may be closed to all but root, so it gets a node of its own.
std::string as_somebody(const Lab& lab) {
  const std::string program = lab.directory() + "/vpnd", script = lab.directory() + "/as-somebody";
  fs::copy_file(vpnd_program(), program);
  std::ofstream(script) << "#!/bin/sh\n"
                           "exec unshare --mount --propagation private sh -c '\n"
                           "mkdir -p /dev/net && mount -t tmpfs none /dev/net &&\n"
                           "mknod -m 666 /dev/net/tun c 10 200 &&\n"
                           "exec setpriv --reuid 65534 --regid 65534 --clear-groups \\\n"
                           "  --inh-caps=-all,+net_admin,+net_bind_service \\\n"
                           "  --ambient-caps=-all,+net_admin,+net_bind_service \"$@\"' sh "
                        << program << " \"$@\"\n";
  fs::permissions(script, fs::perms(0755));
  cr_assert_eq(chown(lab.directory().c_str(), kSomebody, kSomebody), 0);
  return script;
}

}  // namespace

Test(sandbox, what_is_left_to_keeper_and_engine) {
  let_cores_be_dumped();
  Lab lab;
  Child server = lab.start_server();
  Child client = lab.start_client();
  for (const Child* keeper : {&server, &client}) {
    expect_keeper(*keeper, kRootKeeper);
    expect_field(status_of(keeper->pid()), "CapBnd", kNone);
    expect_engine(*keeper);
    expect_field(status_of(engine_of(*keeper)), "CapBnd", kNone);
  }
  cr_expect_not(status_says(lab, lab.client(), "client0", "seccomp"));
}

Test(sandbox, every_worker_is_left_the_same) {
  Lab lab;
  Child server = lab.run_server("", "queues = 3");
  cr_assert_eq(expect_engine(server), 3u);
}

Test(sandbox, the_same_without_a_ring) {
  Lab lab;
  lab.server_program = lab.client_program = variant_program("epoll");
  Child server = lab.start_server();
  Child client = lab.start_client();
  expect_engine(server);
  expect_engine(client);
}

Test(sandbox, a_new_engine_is_no_freer) {
  Lab lab;
  Child server = lab.start_server();
  Child client = lab.start_client();
  const pid_t first = engine_of(server);
  kill(first, SIGKILL);
  cr_assert(server.says("the engine: Killed"), "%s", server.output().c_str());
  cr_assert(eventually([&] {
    const auto now = Lab::children(server.pid());
    return now.size() == 1 && now.front() != first && status_of(now.front())["Seccomp"] == "2";
  }));
  expect_engine(server);
  cr_assert(eventually([&] { return lab.ping(lab.client(), Lab::kTarget4, 1); }, 15));
}

// A signal to a process of another user takes a capability.
Test(sandbox, an_engine_that_hangs_is_ended) {
  Lab lab;
  Child server = lab.start_server();
  const pid_t engine = engine_of(server);
  kill(engine, SIGSTOP);
  ends_well(server);
  cr_assert_eq(kill(engine, 0), -1);
}

Test(sandbox, nobody_reads_the_memory) {
  if (!somebody_exists()) cr_skip_test("no other user exists in this user namespace");
  Lab lab;
  Child server = lab.start_server();
  Child client = lab.start_client();
  const pid_t open_one = child_that_stays([] {
    become_nobody();
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) throw std::exception();
  });
  cr_assert_eq(read_memory(open_one), 0, "the control");
  kill(open_one, SIGKILL);
  for (const Child* keeper : {&server, &client}) {
    cr_expect_eq(read_memory(engine_of(*keeper)), EACCES);
    cr_expect_eq(read_memory(keeper->pid()), EACCES);
  }
}

Test(sandbox, an_ordinary_user_with_two_capabilities_is_enough) {
  if (!somebody_exists()) cr_skip_test("no other user exists in this user namespace");
  Lab lab;
  const Responder target(lab.target(), kPort);
  lab.server_program = lab.client_program = as_somebody(lab);
  cr_assert_eq(chown(lab.key().c_str(), kSomebody, kSomebody), 0);
  const Snapshot server_before = lab.snapshot(lab.server());
  const Snapshot client_before = lab.snapshot(lab.client());
  Child server = lab.start_server();
  Child client = lab.start_client();
  cr_assert(lab.ping(lab.client(), Lab::kTarget4));
  cr_assert(lab.ping(lab.client(), Lab::kTarget6));
  cr_assert(tcp_echo(lab.client(), kTarget4, kPort, 4 << 20, 20));
  for (const Child* keeper : {&server, &client}) {
    expect_keeper(*keeper, kUserKeeper);
    expect_engine(*keeper);
    cr_expect(closed_to_its_user(engine_of(*keeper)));
    cr_expect(closed_to_its_user(keeper->pid()));
    // The same user, and still not.
    cr_expect_eq(read_memory(engine_of(*keeper)), EACCES);
    cr_expect_eq(read_memory(keeper->pid()), EACCES);
  }
  cr_expect(status_says(lab, lab.client(), "client0", "the engine keeps its user"));
  kill(engine_of(client), SIGKILL);
  cr_assert(client.says("reconnected,"), "%s", client.output().c_str());
  ends_well(client);
  ends_well(server);
  const std::string left = server_before.difference(lab.snapshot(lab.server())) +
                           client_before.difference(lab.snapshot(lab.client()));
  cr_assert(left.empty(), "%s", left.c_str());
}

Test(sandbox, folders_of_somebody_else_are_used_to_the_end) {
  if (!somebody_exists()) cr_skip_test("no other user exists in this user namespace");
  Lab lab;
  const auto words = lab.places("server");
  for (const std::string& folder : {words[1], words[3]}) make_folder_of_somebody(folder, 0700);
  Child server = lab.start_server();
  expect_keeper(server, kRootKeeper | kDacOverride);
  ends_well(server);
  cr_assert(fs::is_empty(words[3]), "the status socket is left");
}

// What a key that is named without a folder is beside.
void serve_from_working_folder(unsigned mode, std::uint64_t capabilities) {
  if (!somebody_exists()) cr_skip_test("no other user exists in this user namespace");
  Lab lab;
  const std::string home = lab.directory() + "/home", key = "server.key";
  make_folder_of_somebody(home, mode);
  cr_assert_eq(chdir(home.c_str()), 0);
  const auto add = [&](const std::string& name) {
    const std::string file = lab.directory() + "/" + name + ".key";
    const Finished f = run_program({vpnd_program(), "peer", "add", key, name, "-o", file});
    cr_assert_eq(f.status, 0, "%s", f.output.c_str());
    return file;
  };
  const Finished made = run_program({vpnd_program(), "genkey", "--server", key});
  cr_assert_eq(made.status, 0, "%s", made.output.c_str());
  add("early");
  Child server = lab.start_server({}, key);
  expect_keeper(server, capabilities);
  const std::string late = add("late");
  cr_assert(server.says("the client list was read again"), "%s", server.output().c_str());
  kill(engine_of(server), SIGKILL);
  cr_assert(server.says("the engine: Killed"), "%s", server.output().c_str());
  Child client = lab.start_client(0, {}, late);
  cr_assert(lab.ping(lab.client(), Lab::kTarget4));
  ends_well(client);
  ends_well(server);
}

Test(sandbox, a_key_in_a_folder_that_is_closed_to_root) {
  serve_from_working_folder(0700, kRootKeeper | kDacReadSearch);
}

Test(sandbox, a_key_in_a_folder_of_somebody_else) {
  serve_from_working_folder(0755, kRootKeeper);
}

Test(sandbox, the_demo_of_an_ordinary_user) {
  if (!somebody_exists()) cr_skip_test("no other user exists in this user namespace");
  const Lab lab;
  const std::string script = as_somebody(lab);
  const Finished can = run_program({"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                    "--inh-caps=-all", "unshare", "--user", "--net", "true"});
  if (can.status != 0) cr_skip_test("ordinary users may make no user namespaces here");
  const std::string page = lab.directory() + "/page.html";
  const Finished demo = run_program({script, "demo", "--report", page});
  cr_assert_eq(demo.status, 0, "%s", demo.output.c_str());
  const Finished parsed =
      run_program({"/usr/bin/python3", "-c",
                   "import sys, xml.dom.minidom as m; d = m.parse(sys.argv[1]);"
                   "print([g.getAttribute('id') for g in d.getElementsByTagName('g')])",
                   page});
  cr_assert_eq(parsed.status, 0, "%s", parsed.output.c_str());
  for (const char* mark : {"mark-unplugged", "mark-plugged", "mark-killed", "mark-started-again"}) {
    cr_assert(parsed.output.find(mark) != std::string::npos, "%s", parsed.output.c_str());
  }
}
