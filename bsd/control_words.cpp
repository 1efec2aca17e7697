// SPDX-License-Identifier: ISC
// The asking end of a control socket, and the words of both.
#include "bsd/control_words.h"

#include <dirent.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "bsd/local_socket.h"
#include "bsd/no_signal.h"
#include "core/base/bytes.h"
#include "core/base/error.h"

namespace vpnd::bsd {
namespace {

constexpr std::size_t kMostAnswer = 64 * 1024 * 1024;
constexpr int kPatience = 3000;  // milliseconds
constexpr std::string_view kSuffix = ".sock";

constexpr std::array<RequestWord, 5> kWords{{{Request::status, "status\n", false},
                                             {Request::events, "events\n", false},
                                             {Request::confirm, "confirm\n", true},
                                             {Request::reload, "reload\n", true},
                                             {Request::stop, "stop\n", true}}};

Error denied() {
  return Error("this tunnel answers root, its own user and, to look, members of its group", 0, {},
               Exit::permission, "see control.group in vpnd.toml(5)");
}

}  // namespace

std::optional<RequestWord> request_of(std::string_view line) noexcept {
  const auto at = std::ranges::find(kWords, line, &RequestWord::line);
  return at == kWords.end() ? std::nullopt : std::optional(*at);
}

std::string_view line_of(Request request) noexcept {
  return std::ranges::find(kWords, request, &RequestWord::request)->line;
}

std::string control_path(const std::string& directory, const std::string& name) {
  return directory + "/" + name + std::string(kSuffix);
}

std::vector<std::string> control_names(const std::string& directory) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(directory.c_str()), ::closedir);
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
    const std::string_view file = entry->d_name;
    if (!file.ends_with(kSuffix)) continue;
    std::string name(file.substr(0, file.size() - kSuffix.size()));
    // One that answers others only is one that runs.
    if (connect_locally(control_path(directory, name)) || errno == EACCES) {
      names.push_back(std::move(name));
    }
  }
  std::ranges::sort(names);
  return names;
}

std::string chosen_name(const std::string& directory, const std::string& name) {
  if (!name.empty()) return name;
  const std::vector<std::string> names = control_names(directory);
  if (names.size() > 1) {
    throw usage_error(fmt::format("several tunnels run: {}", fmt::join(names, " ")),
                      "Name one of them: vpnd status " + names.front());
  }
  return names.empty() ? std::string() : names.front();
}

Fd begin_request(const std::string& directory, const std::string& name, Request request) {
  Fd fd = connect_locally(control_path(directory, name));
  if (!fd && errno == EACCES) throw denied();
  const std::string_view line = line_of(request);
  if (!fd) return fd;
  const auto n = ::send(fd.get(), line.data(), line.size(), kNoSignal);
  // Who was turned away before he spoke may still read why.
  const bool whole = n == static_cast<ssize_t>(line.size()) || (n < 0 && errno == EPIPE);
  return whole ? std::move(fd) : Fd{};
}

std::optional<std::string> ask(const std::string& directory, const std::string& name,
                               Request request) {
  const Fd fd = begin_request(directory, name, request);
  std::string out;
  ByteArray<16384> room;
  while (fd && out.size() < kMostAnswer) {
    pollfd p{fd.get(), POLLIN, 0};
    if (::poll(&p, 1, kPatience) == 0) break;
    const auto n = ::recv(fd.get(), room.data(), room.size(), 0);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) break;
    out.append(room.begin(), room.begin() + n);
  }
  throw_if_denied(out);
  return out.empty() ? std::nullopt : std::optional(std::move(out));
}

void throw_if_denied(std::string_view answer) {
  if (answer == kDenied) throw denied();
}

}  // namespace vpnd::bsd
