// SPDX-License-Identifier: ISC
#include "tests/unit/bsd_host/host_lab.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <numeric>
#include <sstream>
#include <thread>

#include "bsd/socket.h"
#include "bsd/traits.h"
#include "core/base/bytes.h"
#include "core/base/sanitizer_build.h"

namespace vpnd::test {
namespace {

using Steady = std::chrono::steady_clock;

constexpr int kSlower = kSanitizerBuild ? 5 : 1;

int run(const plan::Config& config, const host::Places& places, const host::Caution& caution,
        const host::ReadAgain& again) {
  const std::string before = kernel_state();
  int code = kThrewSomethingElse;
  try {
    code = static_cast<int>(host::keep(config, places, caution, again));
  } catch (const Error& e) {
    const std::string line = std::string("error: ") + e.what() + "\n";
    (void)!write(STDERR_FILENO, line.data(), line.size());
    code = static_cast<int>(e.code());
  } catch (...) {
  }
  return kernel_state() == before ? code : kLeftSomething;
}

std::string text_of(const std::filesystem::path& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

std::uint16_t free_port() {
  const bsd::Fd fd = bsd::listening_socket({Address::v4(127, 0, 0, 1), 0});
  sockaddr_storage on{};
  socklen_t size = sizeof on;
  cr_assert_eq(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&on), &size), 0);
  return bsd::from_sockaddr(on).port;
}

}  // namespace

Tunnel::Tunnel(const plan::Config& config, const host::Places& places, const host::Caution& caution,
               const host::ReadAgain& again)
    : log_path_(places.run + ".log") {
  int ends[2];
  cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
  device_.reset(ends[0]);
  const bsd::Fd theirs(ends[1]);
  cr_assert(bsd::prepare(device_) && bsd::prepare(theirs));
  child_ = fork();
  cr_assert_geq(child_, 0);
  if (child_ != 0) return;
  const int log = open(log_path_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  dup2(log, STDERR_FILENO);
  device_.reset();
  use_device(theirs.get());
  _exit(run(config, places, caution, again));
}

Tunnel::~Tunnel() {
  if (child_ <= 0) return;
  for (const pid_t engine : children()) kill(engine, SIGKILL);
  kill(child_, SIGKILL);
  waitpid(child_, nullptr, 0);
}

void Tunnel::give(const Raw& packet) const {
  Raw frame(4);
  store_be32(frame.data(), packet[0] >> 4 == 4 ? bsd::kInet : bsd::kFreeBsd.inet6);
  frame.insert(frame.end(), packet.begin(), packet.end());
  (void)send(device_.get(), frame.data(), frame.size(), MSG_NOSIGNAL);
}

Raw Tunnel::take(std::chrono::milliseconds patience) const {
  Raw frame(4096);
  pollfd p{device_.get(), POLLIN, 0};
  if (poll(&p, 1, static_cast<int>(patience.count())) != 1) return {};
  const auto n = recv(device_.get(), frame.data(), frame.size(), 0);
  return n < 5 ? Raw{} : Raw(frame.begin() + 4, frame.begin() + n);
}

void Tunnel::signal(int number) const {
  cr_assert_eq(kill(child_, number), 0);
}

int Tunnel::wait(std::chrono::milliseconds patience) {
  int status = 0;
  const bool ended = soon([&] { return waitpid(child_, &status, WNOHANG) == child_; }, patience);
  if (!ended) return -1;
  child_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::vector<pid_t> Tunnel::children() const {
  std::vector<pid_t> out;
  const std::string pid = std::to_string(child_);
  std::istringstream words(text_of("/proc/" + pid + "/task/" + pid + "/children"));
  for (pid_t child = 0; words >> child;) out.push_back(child);
  return out;
}

std::string Tunnel::log() const {
  return text_of(log_path_);
}

// ---- the bench

Bench::Bench() {
  port = free_port();
  places = {folder.in("state"), folder.in("run")};
  client_places = {folder.in("state-c"), folder.in("run-c")};
  const std::string key = folder.in("key");
  const bsd::Fd fd(open(key.c_str(), O_WRONLY | O_CREAT, 0600));
  std::string secret(32, '\0');
  std::iota(secret.begin(), secret.end(), '\xc0');  // nothing that could be typed
  cr_assert_eq(write(fd.get(), secret.data(), secret.size()), 32);
}

plan::ServerConfig Bench::server() const {
  plan::ServerConfig c;
  c.key = folder.in("key");
  c.listen = {{Address::v4(127, 0, 0, 1), port}};
  c.port = port;
  c.push_dns = {Address::v4(192, 0, 2, 53)};
  return c;
}

plan::ClientConfig Bench::client() const {
  plan::ClientConfig c;
  c.key = folder.in("key");
  c.host = "127.0.0.1";
  c.port = port;
  return c;
}

bool soon(const std::function<bool()>& holds, std::chrono::milliseconds patience) {
  const auto until = Steady::now() + patience * kSlower;
  while (!holds()) {
    if (Steady::now() >= until) return false;
    std::this_thread::sleep_for(10ms);
  }
  return true;
}

std::optional<plan::Status> status_of(const std::string& name, const host::Places& places) {
  const auto json = host::status(name, places);
  return json ? plan::status_from_json(*json) : std::nullopt;
}

bool is_up(const host::Places& places) {
  const auto status = status_of("", places);
  return status && status->report.state == engine::ClientState::up;
}

bool serves(const host::Places& places) {
  return status_of("", places).has_value();
}

}  // namespace vpnd::test
