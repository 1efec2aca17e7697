// SPDX-License-Identifier: ISC
#include "linux/demo_sampler.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/base/error.h"
#include "linux/demo_traffic.h"

namespace vpnd::demo {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::size_t kChunk = 256 * 1024;
constexpr std::size_t kPipeRoom = 1024 * 1024;  // the parent may look away for a minute
constexpr unsigned kReadsInARow = 16;

enum class What : std::uint32_t { slice, asked, answered };

// Travels through the pipe; smaller than PIPE_BUF, so that each arrives whole (pipe(7)).
struct Record {
  What what{};
  std::uint32_t connections = 0;
  std::int64_t at = 0;     // slice: its end; else when the question was sent
  std::int64_t value = 0;  // slice: its length; answered: how long it took
  std::int64_t first = 0;
  std::uint64_t bytes = 0;
};

class Measuring {
 public:
  Measuring(int out, SteadyClock::time_point start)
      : out_(out), start_(start), chunk_(kChunk), echo_(echo_socket(Bed::target_v4())) {}

  [[noreturn]] void run() {
    for (;;) {
      if (!download_) open();
      wait();
      receive();
      hear();
      if (now() - begun_ >= Sampler::kSlice) finish_slice();
    }
  }

 private:
  microseconds now() const {
    return std::chrono::duration_cast<microseconds>(SteadyClock::now() - start_);
  }

  void put(const Record& record) const { (void)!::write(out_, &record, sizeof record); }

  // Where there is no way at the moment it is tried again with the next slice.
  void open() {
    if (now() < next_open_) return;
    next_open_ = now() + Sampler::kSlice;
    asked_ = false;
    download_ = open_download(Bed::target_v4());
    if (download_) ++connections_;
  }

  void wait() const {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(begun_ + Sampler::kSlice - now());
    const short events = asked_ ? POLLIN : POLLIN | POLLOUT;
    pollfd p[] = {{download_.get(), events, 0}, {echo_.get(), POLLIN, 0}};
    (void)::poll(p, 2, static_cast<int>(std::max<std::int64_t>(0, left.count())));
  }

  void receive() {
    if (download_ && !asked_) asked_ = ask_for_download(download_.get());
    for (unsigned i = 0; download_ && i < kReadsInARow; ++i) {
      const ssize_t n = ::recv(download_.get(), chunk_.data(), chunk_.size(), MSG_DONTWAIT);
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (n <= 0) {
        download_ = Fd();
        return;
      }
      if (bytes_ == 0) first_ = now();
      bytes_ += static_cast<std::uint64_t>(n);
    }
  }

  void hear() const {
    std::int64_t sent = 0;
    while (::recv(echo_.get(), &sent, sizeof sent, MSG_DONTWAIT) == sizeof sent) {
      put({.what = What::answered, .at = sent, .value = now().count() - sent});
    }
  }

  void finish_slice() {
    const auto end = now();
    put({.what = What::slice,
         .connections = connections_,
         .at = end.count(),
         .value = (end - begun_).count(),
         .first = bytes_ > 0 ? first_.count() : end.count(),
         .bytes = bytes_});
    begun_ = end;
    bytes_ = 0;
    const std::int64_t sent = now().count();
    put({.what = What::asked, .at = sent});
    send_echo(echo_.get(), Bed::target_v4(), &sent, sizeof sent);
  }

  int out_;
  SteadyClock::time_point start_;
  std::vector<char> chunk_;
  Fd download_, echo_;
  bool asked_ = false;
  unsigned connections_ = 0;
  microseconds begun_{}, first_{}, next_open_{};
  std::uint64_t bytes_ = 0;
};

}  // namespace

Sampler::Sampler(const Bed& bed) : start_(SteadyClock::now()) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) throw Error("make a pipe", errno, {}, Exit::os);
  pipe_ = Fd(ends[0]);
  const Fd out(ends[1]);
  (void)::fcntl(out.get(), F_SETPIPE_SZ, kPipeRoom);  // it may be smaller for an ordinary user
  child_ = std::make_unique<Child>(bed, Place::client, "",
                                   [&]() -> int { Measuring(out.get(), start_).run(); });
}

void Sampler::stop() {
  constexpr microseconds kOnItsWay = 4 * kSlice;  // not answered yet is not lost
  child_.reset();
  look();
  auto& all = traffic_.echoes;
  while (!all.empty() && !all.back().took && all.back().sent > now() - kOnItsWay) all.pop_back();
}

microseconds Sampler::now() const noexcept {
  return std::chrono::duration_cast<microseconds>(SteadyClock::now() - start_);
}

const Traffic& Sampler::look() {
  Record r;
  while (::read(pipe_.get(), &r, sizeof r) == sizeof r) {
    if (r.what == What::slice) {
      traffic_.slices.push_back(
          {microseconds(r.at), microseconds(r.value), r.bytes, microseconds(r.first)});
      traffic_.connections = r.connections;
    } else if (r.what == What::asked) {
      traffic_.echoes.push_back({microseconds(r.at), {}});
    } else {
      auto& all = traffic_.echoes;
      const auto sent = std::find_if(all.rbegin(), all.rend(),
                                     [&](const Echo& echo) { return echo.sent.count() == r.at; });
      if (sent != all.rend()) sent->took = microseconds(r.value);
    }
  }
  return traffic_;
}

std::optional<microseconds> Sampler::next_arrival(microseconds moment) {
  for (const Slice& s : look().slices) {
    if (s.bytes > 0 && s.first >= moment) return s.first;
  }
  return std::nullopt;
}

std::optional<microseconds> Sampler::next_answer(microseconds moment) {
  std::optional<microseconds> first;
  for (const Echo& echo : look().echoes) {
    if (echo.sent < moment || !echo.took) continue;
    const microseconds came = echo.sent + *echo.took;
    first = std::min(first.value_or(came), came);
  }
  return first;
}

double Sampler::rate(microseconds from, microseconds to) {
  double bits = 0;
  microseconds time{};
  for (const Slice& s : look().slices) {
    if (s.end - s.length < from || s.end > to) continue;
    bits += 8.0 * static_cast<double>(s.bytes);
    time += s.length;
  }
  return time.count() > 0 ? bits / std::chrono::duration<double>(time).count() : 0;
}

}  // namespace vpnd::demo
