// SPDX-License-Identifier: ISC
#pragma once

// Where metrics go without being asked for by `vpnd metrics`: a UNIX socket that answers HTTP, and
// a file for a collector of text files. Neither can make the keeper wait.

#include <poll.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/plan/metrics.h"
#include "linux/fd.h"

namespace vpnd::nl {

class MetricsSocket {
 public:
  static constexpr std::size_t kMostClients = 8, kMostRequest = 4096;

  // The group's members may connect, besides root and our own user. Throws Error.
  MetricsSocket(std::string path, std::optional<gid_t> group);
  MetricsSocket(const MetricsSocket&) = delete;
  MetricsSocket& operator=(const MetricsSocket&) = delete;
  ~MetricsSocket();  // unlinks it

  void watch(std::vector<pollfd>&) const;
  void serve(TimePoint now);
  bool wanted() const noexcept;  // somebody waits for metrics
  void answer(std::string_view metrics);
  TimePoint next_deadline() const noexcept;

 private:
  struct Client {
    Fd fd;
    TimePoint until;
    std::string in, out;
    plan::HttpRequest request = plan::HttpRequest::incomplete;
    bool answered = false;
  };
  static bool progress(Client&);  // false: done with it
  static bool read_request(Client&);

  std::string path_;
  std::optional<gid_t> group_;
  Fd listener_;
  std::vector<Client> clients_;
};

class MetricsFile {
 public:
  static constexpr Duration kEvery = std::chrono::seconds(15);

  explicit MetricsFile(std::string path) : path_(std::move(path)) {}
  MetricsFile(const MetricsFile&) = delete;
  MetricsFile& operator=(const MetricsFile&) = delete;
  ~MetricsFile();  // a tunnel that is gone has no figures

  TimePoint due() const noexcept { return due_; }
  void postpone(TimePoint now) noexcept { due_ = now + kEvery; }  // there is nothing to write
  // Readers see the whole of it or what was there before. What cannot be written is told once.
  void write(std::string_view metrics, TimePoint now) noexcept;

 private:
  std::string path_;
  TimePoint due_{};
  bool written_ = false, failed_ = false;
};

}  // namespace vpnd::nl
