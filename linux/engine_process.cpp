// SPDX-License-Identifier: ISC
#include "linux/engine_process.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "core/base/log.h"
#include "core/plan/resolv_conf.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "linux/confine.h"
#include "linux/crew.h"
#include "linux/engine_log.h"
#include "linux/engine_room.h"
#include "linux/keeper_link.h"
#include "linux/run_epoll.h"
#include "linux/run_uring.h"
#include "linux/worker_threads.h"

namespace vpnd::nl {
namespace {

constexpr std::size_t kMostFileBytes = 16 * 1024 * 1024;
constexpr std::size_t kArena = 256 * 1024;  // locked before the right to lock is given up
constexpr unsigned kRingEntries = 512;
static_assert(plan::kMostQueues == engine::kMostWorkers);

// A whole file through a descriptor that others read too; wiped when it goes.
struct FileText {
  std::vector<std::uint8_t> bytes;
  FileText(int fd, const std::string& name) {
    struct stat info {};
    if (fstat(fd, &info) < 0) throw Error("look at " + name, errno, {}, Exit::config);
    bytes.resize(std::min(static_cast<std::size_t>(info.st_size), kMostFileBytes));
    const auto n = pread(fd, bytes.data(), bytes.size(), 0);
    if (n < 0) throw Error("read " + name, errno, {}, Exit::config);
    bytes.resize(static_cast<std::size_t>(n));
  }
  FileText(const FileText&) = delete;
  FileText& operator=(const FileText&) = delete;
  ~FileText() { crypto::wipe(bytes); }
};

engine::ClientSettings client_settings(const EngineStart& start, const plan::ClientConfig& config,
                                       wire::KeyFile&& key) {
  engine::ClientSettings s;
  s.identity = wire::client_identity(std::move(key), config.key);
  s.instance = start.instance;
  s.cookie = start.cookie;
  s.endpoints = *start.endpoints;
  if (const auto name = plan::looked_up_name(config.host)) {
    s.look_up = engine::LookUp{*name, start.has_v6, config.port};
  }
  s.requested_v4 = config.local_v4;
  s.expected_server_v4 = config.remote_v4;
  s.kinds = start.kinds;
  s.timeout = config.timeout;
  s.was_up = start.was_up;
  return s;
}

std::vector<wire::PeerEntry> read_peers(const EngineStart& start, const std::string& key_name) {
  if (start.peers < 0) return {};
  const std::string name = key_name + ".peers";
  const FileText file(start.peers, name);
  return wire::parse_peer_list(
      {reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size()}, name);
}

engine::ServerSettings server_settings(const EngineStart& start, const plan::ServerConfig& config,
                                       wire::KeyFile&& key) {
  engine::ServerSettings s;
  const bool listed = std::holds_alternative<wire::ServerKey>(key);
  auto peers = listed ? read_peers(start, config.key) : std::vector<wire::PeerEntry>{};
  s.identity = wire::server_identity(std::move(key), std::move(peers), config.key);
  const auto n = pread(start.lease_secret, s.lease_secret.mut().data(), crypto::Key::size, 0);
  if (n != static_cast<ssize_t>(crypto::Key::size)) throw Error("read the lease secret", errno);
  s.server_v4 = config.address_v4;
  s.pool_v4 = config.pool_v4;
  s.first_lease = config.first_lease;
  if (config.pool_v6 && config.address_v6) {
    s.pool_v6 = config.pool_v6;
    s.server_v6 = *config.address_v6;
  }
  s.dns_v4 = plan::announced_resolver(config, Family::v4).value_or(Address{});
  if (s.pool_v6) s.dns_v6 = plan::announced_resolver(config, Family::v6).value_or(Address{});
  s.mtu = config.mtu;
  s.max_clients = config.max_clients;
  s.isolate = config.isolate;
  s.kinds = start.kinds;
  return s;
}

std::uint32_t workers_of(const EngineStart& start) {
  const auto* server = std::get_if<plan::ServerConfig>(start.config);
  return server == nullptr ? 1 : std::clamp<std::uint32_t>(server->queues, 1, engine::kMostWorkers);
}

std::optional<Ring> make_ring(Loop loop) noexcept {
  return loop == Loop::uring_if_possible ? Ring::make(kRingEntries) : std::nullopt;
}

// The engine of the first worker, and into `others` those of the rest.
engine::Engine make_engines(const EngineStart& start, Loop loop, Crew& crew,
                            std::vector<WorkerParts>& others) {
  const std::string& name = plan::common_of(*start.config).key;
  FileText file(start.key, name);
  wire::KeyFile key = wire::parse_key_file(file.bytes, name);
  const Entropy entropy = [](MutBytes out) { crypto::random_bytes(out); };
  const Now now = read_clocks();
  if (const auto* client = std::get_if<plan::ClientConfig>(start.config)) {
    return {client_settings(start, *client, std::move(key)), engine_room(), entropy, now};
  }
  engine::ServerSettings settings =
      server_settings(start, std::get<plan::ServerConfig>(*start.config), std::move(key));
  const engine::SessionSettings common = engine::session_settings(settings);
  for (std::uint32_t i = 1; i < crew.size(); ++i) {
    others.push_back({{common, engine_room(), entropy, crew.as_seen_by(i)}, make_ring(loop)});
  }
  return {std::move(settings), engine_room(), entropy, now, crew.as_seen_by(0)};
}

plan::to_keeper::Ready ready_with(const std::optional<Ring>& ring, const Confined& confined) {
  using plan::Fallback;
  plan::to_keeper::Ready ready{ring.has_value(), 0};
  const auto lacks = [&ready](Fallback what, bool is) {
    if (is) ready.fallbacks |= static_cast<std::uint32_t>(what);
  };
  lacks(Fallback::no_ring, !ring);
  lacks(Fallback::no_defer_taskrun, ring && !ring->deferred());
  lacks(Fallback::no_restrictions, ring && !ring->restricted());
  lacks(Fallback::no_uid_drop, !confined.user_dropped);
  lacks(Fallback::no_file_ban, !confined.files_denied);
  lacks(Fallback::no_call_filter, !confined.calls_limited);
  return ready;
}

void serve(EngineStart& start, KeeperLink& link, pid_t parent, Loop loop) {
  crypto::init();
  crypto::arena::reserve(kArena);
  Crew crew(workers_of(start));
  std::vector<WorkerParts> others;
  engine::Engine engine = make_engines(start, loop, crew, others);
  if (!crypto::arena::locked()) {
    log(Level::warning, "keys may be swapped to disk: RLIMIT_MEMLOCK is too small");
  }
  std::optional<Ring> ring = make_ring(loop);
  if (ring && !ring->enable()) ring.reset();
  std::vector<int> kept{link.fd(), ring ? ring->fd() : -1};
  for (std::uint32_t i = 0; i < crew.size(); ++i) kept.push_back(crew.bell(i));
  for (const WorkerParts& w : others) kept.push_back(w.ring ? w.ring->fd() : -1);
  close_others(std::move(kept));

  WorkerThreads threads(crew, std::move(others));
  std::function<void()> start_threads;
  if (crew.size() > 1) start_threads = [&threads] { threads.start(); };
  const Confined confined = confine_engine(parent, start_threads);
  Driver driver(engine, &link, crew, 0, plan::common_of(*start.config).key);
  link.send(ready_with(ring, confined));
  if (ring) return run_uring(*ring, driver);
  run_epoll(driver);
}

}  // namespace

int run_engine(EngineStart start, pid_t parent, Loop loop) noexcept {
  try {
    close_others({start.socket.get(), start.key, start.peers, start.lease_secret});
    KeeperLink link(std::move(start.socket));
    log_to(&link);
    set_log(log_of_engine, plan::common_of(*start.config).log_level);
    set_event_sink([](const Event&) {});
    set_event_listener(tell_of_engine);
    try {
      serve(start, link, parent, loop);
    } catch (const Error& e) {
      link.send(engine::Ended{e.code(), e.what(), e.remedy()});
    } catch (const std::exception& e) {
      link.send(engine::Ended{Exit::software, e.what(), "This is a fault of vpnd; report it."});
    }
    log_to(nullptr);
    return 0;
  } catch (...) {
    return 1;
  }
}

}  // namespace vpnd::nl
