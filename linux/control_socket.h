// SPDX-License-Identifier: ISC
#pragma once

// The status socket <run>/<interface>.sock: "status" or "confirm" and a newline in, one JSON
// document out. Only root and the daemon's own user are answered, few at a time, and nobody can
// make the keeper wait.

#include <poll.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "linux/fd.h"

namespace vpnd::nl {

enum class Request : std::uint8_t { status, confirm };

class ControlSocket {
 public:
  // Makes the directory. Throws Error; Exit::temporary if a living process answers at that name.
  ControlSocket(const std::string& directory, const std::string& name);
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;
  ~ControlSocket();  // unlinks it

  void watch(std::vector<pollfd>&) const;
  // Accepts, reads, writes, drops who took too long.
  void serve(TimePoint now);
  bool wanted() const noexcept;                   // somebody waits for an answer
  bool take_confirmation() noexcept;              // somebody asked to confirm, since the last call
  void answer(const std::string& json) noexcept;  // to all who wait
  TimePoint next_deadline() const noexcept;

 private:
  struct Client {
    Fd fd;
    TimePoint until;
    std::string in, out;
    bool asked = false;
    bool confirms = false;
  };
  void accept_all(TimePoint now);
  static bool progress(Client&);  // false: done with it

  std::string path_;
  Fd listener_;
  std::vector<Client> clients_;
};

// ---- the other end
// Names that answer in the directory.
std::vector<std::string> control_names(const std::string& directory);
// A pidfd of the process that answers there. Empty: nobody does.
Fd process_of(const std::string& directory, const std::string& name);
std::optional<std::string> ask(const std::string& directory, const std::string& name, Request);

}  // namespace vpnd::nl
