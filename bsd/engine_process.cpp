// SPDX-License-Identifier: ISC
#include "bsd/engine_process.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "bsd/clocks.h"
#include "bsd/driver.h"
#include "bsd/sandbox.h"
#include "bsd/signals.h"
#include "core/base/log.h"
#include "core/plan/engine_settings.h"
#include "crypto/hash.h"
#include "crypto/random.h"

namespace vpnd::bsd {
namespace {

constexpr std::size_t kMostFileBytes = 16 * 1024 * 1024;
constexpr std::size_t kArena = 256 * 1024;  // locked before the right to lock is given up

KeeperLink* g_link = nullptr;  // a log sink is a plain function

void log_to_keeper(Level level, std::string_view line) {
  if (g_link != nullptr) g_link->send(plan::to_keeper::LogLine{level, std::string(line)});
}

// All of them: which are to be logged is decided there.
void tell_keeper(const Event& event) {
  if (g_link != nullptr) g_link->send(plan::to_keeper::Happened{event});
}

// A whole file through a descriptor that others read too; wiped when it goes.
struct SecretFile {
  std::vector<std::uint8_t> bytes;
  SecretFile(int fd, const std::string& name) {
    struct stat info {};
    if (::fstat(fd, &info) < 0) throw Error("look at " + name, errno, {}, Exit::config);
    bytes.resize(std::min(static_cast<std::size_t>(info.st_size), kMostFileBytes));
    const auto n = ::pread(fd, bytes.data(), bytes.size(), 0);
    if (n < 0) throw Error("read " + name, errno, {}, Exit::config);
    bytes.resize(static_cast<std::size_t>(n));
  }
  SecretFile(const SecretFile&) = delete;
  SecretFile& operator=(const SecretFile&) = delete;
  ~SecretFile() { crypto::wipe(bytes); }
  std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
};

plan::ServerStart server_start(const EngineStart& start, const plan::ServerConfig& config,
                               bool listed) {
  plan::ServerStart out;
  out.kinds = start.kinds;
  if (listed && start.peers >= 0) {
    const std::string name = config.key + ".peers";
    out.peers = wire::parse_peer_list(SecretFile(start.peers, name).text(), name);
  }
  const auto n = ::pread(start.lease_secret, out.lease_secret.mut().data(), crypto::Key::size, 0);
  if (n != static_cast<ssize_t>(crypto::Key::size)) throw Error("read the lease secret", errno);
  return out;
}

engine::Engine make_engine(const EngineStart& start) {
  const std::string& name = plan::common_of(*start.config).key;
  SecretFile file(start.key, name);
  wire::KeyFile key = wire::parse_key_file(file.bytes, name);
  const Entropy entropy = [](MutBytes out) { crypto::random_bytes(out); };
  if (const auto* client = std::get_if<plan::ClientConfig>(start.config)) {
    const plan::ClientStart begin{*start.endpoints, start.instance, start.cookie,
                                  start.was_up,     start.has_v6,   start.kinds};
    return {plan::client_settings(*client, begin, std::move(key)), {}, entropy, read_clocks()};
  }
  const auto& server = std::get<plan::ServerConfig>(*start.config);
  auto begin = server_start(start, server, std::holds_alternative<wire::ServerKey>(key));
  return {
      plan::server_settings(server, std::move(begin), std::move(key)), {}, entropy, read_clocks()};
}

void serve(const EngineStart& start, KeeperLink& link, pid_t keeper) {
  crypto::init();
  crypto::arena::reserve(kArena);
  engine::Engine engine = make_engine(start);
  if (!crypto::arena::locked()) {
    log(Level::warning, "keys may be swapped to disk: RLIMIT_MEMLOCK is too small");
  }
  for (const int fd : {start.key, start.peers, start.lease_secret}) {
    if (fd >= 0) ::close(fd);
  }
  Kqueue queue;
  Driver driver(engine, link, queue, plan::common_of(*start.config).key, keeper);
  const Confined confined = confine_engine();
  using plan::Fallback;
  plan::to_keeper::Ready ready;
  const auto lacks = [&ready](Fallback what, bool is) {
    if (is) ready.fallbacks |= static_cast<std::uint32_t>(what);
  };
  lacks(Fallback::no_uid_drop, !confined.user_dropped);
  lacks(Fallback::no_file_ban, !confined.files_denied);
  lacks(Fallback::no_call_filter, !confined.calls_limited);
  link.send(ready);
  driver.run();
}

}  // namespace

int run_engine(EngineStart start, pid_t keeper) noexcept {
  try {
    close_others({start.socket.get(), start.key, start.peers, start.lease_secret});
    ignore_signals();
    KeeperLink link(std::move(start.socket));
    g_link = &link;
    set_log(log_to_keeper, plan::common_of(*start.config).log_level);
    set_event_sink([](const Event&) {});
    set_event_listener(tell_keeper);
    try {
      serve(start, link, keeper);
    } catch (const Error& e) {
      link.send(engine::Ended{e.code(), e.what(), e.remedy()});
    } catch (const std::exception& e) {
      link.send(engine::Ended{Exit::software, e.what(), "This is a fault of vpnd; report it."});
    }
    g_link = nullptr;
    return 0;
  } catch (...) {
    return 1;
  }
}

}  // namespace vpnd::bsd
