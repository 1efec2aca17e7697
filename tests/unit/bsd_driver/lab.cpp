// SPDX-License-Identifier: ISC
#include "tests/unit/bsd_driver/lab.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <thread>

#include "bsd/driver.h"
#include "bsd/native.h"
#include "bsd/socket.h"
#include "core/base/sanitizer_build.h"
#include "crypto/random.h"

namespace vpnd::bsd {

// The drivers of this test are of that system.
const Traits& native() noexcept {
  return kFreeBsd;
}

}  // namespace vpnd::bsd

namespace vpnd::test {
namespace {

using Steady = std::chrono::steady_clock;

// Sanitizers make everything slower.
constexpr int kSlower = kSanitizerBuild ? 5 : 1;
constexpr std::size_t kMostFrame = 65536 + 4;

// In the child; it knows nothing of the others.
[[noreturn]] void run_engine(const MakeEngine& make, bsd::Fd socket) {
  try {
    bsd::KeeperLink link(std::move(socket));
    crypto::init();
    engine::Engine engine = make();
    bsd::Kqueue queue;
    bsd::Driver driver(engine, link, queue, "key", 0);
    link.send(plan::to_keeper::Ready{});
    driver.run();
    _exit(0);
  } catch (const std::exception& e) {
    (void)!write(STDERR_FILENO, e.what(), std::string_view(e.what()).size());
    _exit(2);
  }
}

Entropy entropy() {
  return [](MutBytes out) { crypto::random_bytes(out); };
}

Now clocks() {
  const auto since = Steady::now().time_since_epoch();
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  return {TimePoint(std::chrono::duration_cast<Duration>(since)),
          static_cast<WallMs>(std::chrono::duration_cast<std::chrono::milliseconds>(wall).count())};
}

}  // namespace

// ---- one side

Side::Side(const MakeEngine& make) {
  bsd::ChannelPair channel = bsd::make_channel();
  int ends[2];
  cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
  device_.reset(ends[0]);
  bsd::Fd tun(ends[1]);
  cr_assert(bsd::prepare(device_) && bsd::prepare(tun));
  child_ = fork();
  cr_assert_geq(child_, 0);
  if (child_ == 0) {
    const int keep = channel.engine.get();
    for (int fd = 3; fd < 256; ++fd) {
      if (fd != keep) close(fd);
    }
    run_engine(make, std::move(channel.engine));
  }
  keeper_ = std::move(channel.keeper);
  tell(plan::to_engine::Tun{wire::kKindPlain}, tun.get());
}

Side::~Side() {
  if (child_ <= 0) return;
  kill(child_, SIGKILL);
  waitpid(child_, nullptr, 0);
}

bool Side::give(const Raw& packet) {
  return give_frame(packet[0] >> 4 == 4 ? bsd::kInet : bsd::native().inet6, packet);
}

bool Side::give_frame(std::uint32_t family, const Raw& packet) {
  Raw frame(4);
  store_be32(frame.data(), family);
  frame.insert(frame.end(), packet.begin(), packet.end());
  return send(device_.get(), frame.data(), frame.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(frame.size());
}

void Side::take_packets() {
  Raw frame(kMostFrame);
  for (;;) {
    const auto n = recv(device_.get(), frame.data(), frame.size(), 0);
    if (n < 5) return;
    const bool v4 = frame[4] >> 4 == 4;
    if (load_be32(frame.data()) != (v4 ? bsd::kInet : bsd::native().inet6)) ++bad_frames;
    packets.emplace_back(frame.begin() + 4, frame.begin() + n);
  }
}

void Side::tell(const plan::ToEngine& message, int fd) {
  cr_assert_eq(bsd::send_message(keeper_, plan::encode(message), fd), 0);
}

void Side::hear() {
  ByteArray<plan::kMaxMessage> room;
  while (keeper_) {
    const auto got = bsd::receive_message(keeper_, room);
    if (!got) return;
    if (got->size == 0) return keeper_.reset();
    cr_assert_leq(got->size, room.size());
    const auto message = plan::decode_to_keeper(Bytes(room).first(got->size));
    cr_assert(message.has_value());
    on(*message);
  }
}

void Side::on(const plan::ToKeeper& m) {
  if (const auto* dial = std::get_if<engine::Dial>(&m)) dials.push_back(*dial);
  if (const auto* head = std::get_if<plan::to_keeper::ReportHead>(&m)) {
    report = head->report;
    peers = head->rows;
    ++reports;
  }
  if (std::holds_alternative<plan::to_keeper::Stopped>(m)) ++stopped;
  const auto* became = std::get_if<plan::to_keeper::Became>(&m);
  if (became == nullptr) return;
  states.push_back(became->state);
  if (became->state == engine::ClientState::up) lease = became->lease;
}

int Side::wait() {
  for (int i = 0; i < 500 * kSlower; ++i) {
    int status = 0;
    const pid_t ended = waitpid(child_, &status, WNOHANG);
    if (ended == child_) {
      child_ = -1;
      return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    std::this_thread::sleep_for(10ms);
  }
  return -1;
}

double Side::busy() const {
  std::ifstream stat("/proc/" + std::to_string(child_) + "/stat");
  std::string word;
  unsigned long user = 0, system = 0;
  for (int i = 0; i < 13; ++i) stat >> word;
  stat >> user >> system;
  return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

unsigned Side::open_files() const {
  const auto folder = "/proc/" + std::to_string(child_) + "/fd";
  const std::filesystem::directory_iterator all(folder), end;
  return static_cast<unsigned>(std::distance(all, end));
}

// ---- both

Lab::Lab() {
  listener_ = bsd::listening_socket({Address::v4(127, 0, 0, 1), 0});
  sockaddr_storage on{};
  socklen_t size = sizeof on;
  cr_assert_eq(getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&on), &size), 0);
  at = bsd::from_sockaddr(on);
  dial = [](const Endpoint& to) { return bsd::dialling_socket(to); };
}

void Lab::start_server() {
  server_ = std::make_unique<Side>([] {
    auto settings = sim::server_settings();
    settings.kinds = wire::kKindPlain;
    return engine::Engine(std::move(settings), {}, entropy(), clocks());
  });
  server_->tell(plan::to_engine::Listener{}, listener_.get());
}

void Lab::start_client() {
  client_ = std::make_unique<Side>([where = at] {
    auto settings = sim::client_settings(1);
    settings.kinds = wire::kKindPlain;
    settings.endpoints = {where};
    settings.timeout = {};
    return engine::Engine(std::move(settings), {}, entropy(), clocks());
  });
}

void Lab::answer_dials() {
  for (const engine::Dial& d : std::exchange(client_->dials, {})) {
    try {
      const bsd::Fd fd = dial(at);
      client_->tell(plan::to_engine::Dialled{d.conn, 0}, fd.get());
    } catch (const Error& e) {
      client_->tell(plan::to_engine::Dialled{d.conn, static_cast<std::uint32_t>(e.errnum())});
    }
  }
}

bool Lab::run_until(const std::function<bool()>& holds, std::chrono::milliseconds patience) {
  const auto until = Steady::now() + patience * kSlower;
  for (;;) {
    for (Side* s : {server_.get(), client_.get()}) {
      if (s == nullptr) continue;
      s->hear();
      if (s != server_.get() || take_server_packets) s->take_packets();
    }
    if (client_) answer_dials();
    if (holds()) return true;
    if (Steady::now() >= until) return false;
    std::vector<pollfd> fds;
    for (const Side* s : {server_.get(), client_.get()}) {
      if (s == nullptr) continue;
      fds.push_back({s->channel(), POLLIN, 0});
      if (s != server_.get() || take_server_packets) fds.push_back({s->device(), POLLIN, 0});
    }
    (void)poll(fds.data(), fds.size(), 5);
  }
}

void Lab::run_for(std::chrono::milliseconds time) {
  const auto until = Steady::now() + time;
  (void)run_until([until] { return Steady::now() >= until; }, time + 1s);
}

bool Lab::is_up() const {
  return client_ && !client_->states.empty() && client_->states.back() == engine::ClientState::up;
}

// The client knows first; a packet from it tells that the server does as well.
bool Lab::up() {
  if (!server_) start_server();
  if (!client_) start_client();
  if (!run_until([this] { return is_up(); })) return false;
  const Address inner = client_->lease.client_v4.address;
  return all_pass(*client_, *server_,
                  {sim::make_packet(inner, Address::v4(192, 0, 2, 7), 99, 0, 60)});
}

bool Lab::all_pass(Side& from, Side& to, const std::vector<Raw>& all) {
  constexpr std::size_t kWindow = 32;
  const std::size_t before = to.packets.size();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!run_until([&] { return to.packets.size() + kWindow > before + i; })) return false;
    if (!run_until([&] { return from.give(all[i]); })) return false;
  }
  if (!run_until([&] { return to.packets.size() >= before + all.size(); })) return false;
  return std::equal(all.begin(), all.end(),
                    to.packets.begin() + static_cast<std::ptrdiff_t>(before), to.packets.end());
}

const engine::Report& Lab::report_of(Side& side) {
  const unsigned before = side.reports;
  side.tell(plan::to_engine::ReportPlease{});
  cr_assert(run_until([&] { return side.reports > before; }), "it does not answer");
  return side.report;
}

std::uint64_t Lab::dropped(Side& side, Drop why) {
  return report_of(side).counters.drops[static_cast<std::size_t>(why)];
}

}  // namespace vpnd::test
