// SPDX-License-Identifier: ISC
#include "tests/daemon/lab.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "core/base/error.h"
#include "tests/vectors/vectors.h"

namespace vpnd::test {
namespace {

void write_setting(const char* path, const char* value) {
  std::ofstream file(path);
  file << value;
  if (!file.flush()) throw Error(fmt::format("write {}", path), EIO);
}

void forward(const Namespace& ns) {
  ns.run([] {
    write_setting("/proc/sys/net/ipv4/ip_forward", "1");
    write_setting("/proc/sys/net/ipv6/conf/all/forwarding", "1");
  });
}

Child started(Child server) {
  if (!server.says("ready")) {
    throw Error(fmt::format("the server did not start: {}", server.output()));
  }
  return server;
}

Child connected(Child client, int i) {
  if (!client.says("connected,")) {
    const std::string said = client.output();
    throw Error(fmt::format("client {} did not connect: {}", i, said));
  }
  return client;
}

}  // namespace

bool eventually(const std::function<bool()>& check, double seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!check()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

bool full_figures() {
  return std::getenv("VPND_FULL") != nullptr;
}

std::string other_program() {
  const char* named = std::getenv("VPND_OTHER");
  return named == nullptr ? "" : named;
}

std::vector<std::string> ciphers_of(const std::string& program) {
  const Finished f = run_program({program, "version", "--json"});
  if (f.status != 0) throw Error(fmt::format("{}: {}", program, f.output));
  std::vector<std::string> names;
  const Value version = Value::parse(f.output);
  for (const Value& name : version.at("ciphers")) names.push_back(name.text());
  return names;
}

Lab::Lab(int clients) : directory_(temporary_directory()) {
  for (int i = 0; i < clients; ++i) {
    clients_.push_back(std::make_unique<Namespace>());
    const int net = i + 1;
    join(*clients_.back(), "eth0",
         {fmt::format("10.71.{}.2/24", net), fmt::format("fd71:{}::2/64", net)}, router_,
         fmt::format("c{}", i),
         {fmt::format("10.71.{}.1/24", net), fmt::format("fd71:{}::1/64", net)});
    ip(*clients_.back(), fmt::format("route add default via 10.71.{}.1", net));
    ip(*clients_.back(), fmt::format("-6 route add default via fd71:{}::1", net));
  }
  join(router_, "wan", {"203.0.113.1/24", "2001:db8:3::1/64"}, server_, "eth0",
       {"203.0.113.2/24", "2001:db8:3::2/64"});
  join(server_, "eth1", {"198.51.100.1/24", "2001:db8:5::1/64"}, target_, "eth0",
       {"198.51.100.2/24", "2001:db8:5::2/64"});
  forward(router_);
  ip(server_, "route add default via 203.0.113.1");
  ip(server_, "-6 route add default via 2001:db8:3::1");
}

Finished Lab::try_ip(const Namespace& ns, const std::string& words) const {
  return run_ip(words, ns.fd());
}

void Lab::ip(const Namespace& ns, const std::string& words) const {
  const Finished f = try_ip(ns, words);
  if (f.status != 0) throw Error(fmt::format("ip {}: {}", words, f.output));
}

std::string Lab::key() {
  const std::string path = directory_ + "/vpn.key";
  if (std::filesystem::exists(path)) return path;
  std::ofstream file(path, std::ios::binary);
  for (int i = 1; i <= 32; ++i) file.put(static_cast<char>(i * 73 % 251));
  file.close();
  std::filesystem::permissions(
      path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  return path;
}

std::vector<std::string> Lab::places(const std::string& who) {
  return {"--state-dir", directory_ + "/" + who + "-state", "--run-dir",
          directory_ + "/" + who + "-run"};
}

Child Lab::start_server(const std::vector<std::string>& words, const std::string& key_file) {
  std::vector<std::string> arguments = {server_program, "server"};
  for (const auto& w : places("server")) arguments.push_back(w);
  arguments.push_back(key_file.empty() ? key() : key_file);
  arguments.insert(arguments.end(), words.begin(), words.end());
  if (words.empty()) arguments.insert(arguments.end(), {"auto", "443", "vpns"});
  return started(Child(arguments, server_.fd()));
}

std::vector<std::string> Lab::server_file(const std::string& settings,
                                          const std::string& interface) {
  const std::string config = directory_ + "/server.toml";
  std::ofstream(config) << "version = 1\nmode = \"server\"\n[identity]\nkey = \"" << key()
                        << "\"\n[interface]\nname = \"vpns\"\n"
                        << interface << "\n[server]\n"
                        << settings << "\n";
  std::vector<std::string> words = {server_program, "run"};
  for (const auto& w : places("server")) words.push_back(w);
  words.push_back(config);
  return words;
}

Child Lab::run_server(const std::string& settings, const std::string& interface) {
  return started(Child(server_file(settings, interface), server_.fd()));
}

Child Lab::begin_client(int i, const std::vector<std::string>& options, const std::string& key_file,
                        const std::string& host) {
  std::vector<std::string> arguments = {client_program, "client"};
  for (const auto& w : places(fmt::format("client{}", i))) arguments.push_back(w);
  arguments.insert(arguments.end(), options.begin(), options.end());
  arguments.insert(arguments.end(), {key_file.empty() ? key() : key_file, host, "443", "vpn0"});
  return Child(arguments, client(i).fd());
}

std::vector<std::string> Lab::client_file(const std::string& settings) {
  const std::string config = directory_ + "/client.toml";
  std::ofstream(config) << fmt::format(
      "mode = \"client\"\nidentity.key = \"{}\"\npeer = [{{ endpoint = \"{}:443\" }}]\n"
      "interface.name = \"vpn0\"\n{}\n",
      key(), kServer, settings);
  std::vector<std::string> words = {client_program, "run"};
  for (const auto& w : places("client0")) words.push_back(w);
  words.push_back(config);
  return words;
}

Child Lab::run_client(const std::string& settings) {
  return connected(Child(client_file(settings), client().fd()), 0);
}

Child Lab::start_resolver(const std::string& name, const std::string& address) const {
  Child out(
      {"dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--user=", "--pid-file=", "--no-resolv",
       "--no-hosts", "--listen-address=10.71.1.1", "--listen-address=203.0.113.1",
       "--bind-interfaces", fmt::format("--address=/{}/{}", name, address)},
      router_.fd());
  if (!out.says("started")) throw Error("start dnsmasq: " + out.output());
  return out;
}

Child Lab::start_client(int i, const std::vector<std::string>& options, const std::string& key_file,
                        const std::string& host) {
  return connected(begin_client(i, options, key_file, host), i);
}

Finished Lab::vpnd(const Namespace& ns, const std::string& who, std::vector<std::string> words) {
  std::vector<std::string> arguments = {vpnd_program()};
  arguments.insert(arguments.end(), words.begin(), words.end());
  for (const auto& w : places(who)) arguments.push_back(w);
  return run_program(arguments, ns.fd());
}

bool Lab::ping(const Namespace& from, const std::string& to, int seconds) const {
  return run_program({"ping", "-n", "-c", "1", "-W", std::to_string(seconds), to}, from.fd())
             .status == 0;
}

std::string Lab::address(const Namespace& ns, const std::string& device) const {
  const Finished f = run_program({"ip", "-4", "-o", "addr", "show", "dev", device}, ns.fd());
  const auto at = f.output.find("inet ");
  if (f.status != 0 || at == std::string::npos) return {};
  const auto end = f.output.find_first_of("/ ", at + 5);
  return f.output.substr(at + 5, end - at - 5);
}

Snapshot Lab::snapshot(const Namespace& ns) const {
  Snapshot s = Snapshot::take();
  ns.run([&] { s = Snapshot::take(); });
  return s;
}

bool Lab::use_resolver_file(const std::string& text) const {
  const std::string path = directory_ + "/resolv.conf";
  std::ofstream(path) << text;
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount(path.c_str(), "/etc/resolv.conf", nullptr, MS_BIND, nullptr) == 0;
}

std::vector<pid_t> Lab::children(pid_t parent) {
  std::ifstream file(fmt::format("/proc/{0}/task/{0}/children", parent));
  std::vector<pid_t> out;
  for (pid_t pid = 0; file >> pid;) out.push_back(pid);
  return out;
}

}  // namespace vpnd::test
