// SPDX-License-Identifier: ISC
#pragma once

// The control socket <run>/<interface>.sock. One line in: what is wanted. Out: a JSON document; for
// "events" a JSON line for each thing that happens, for as long as somebody reads; for "reload"
// plan::to_text of how it went. Root and the daemon's own user may ask for everything; members of a
// group, if one is given, may look and change nothing. Few are answered at a time, and nobody can
// make the keeper wait, or keep more than kMostQueued bytes.

#include <poll.h>
#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "linux/fd.h"

namespace vpnd::nl {

enum class Request : std::uint8_t { status, events, confirm, reload };

class ControlSocket {
 public:
  static constexpr std::size_t kMostClients = 8, kMostReaders = 8, kMostQueued = 64 * 1024;

  // Makes the directory. Throws Error; Exit::temporary if a living process answers at that name.
  ControlSocket(const std::string& directory, const std::string& name, std::optional<gid_t> group);
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;
  ~ControlSocket();  // unlinks it

  void watch(std::vector<pollfd>&) const;
  // Accepts, reads, writes, drops who took too long.
  void serve(TimePoint now);
  bool wanted() const noexcept;                   // somebody waits for an answer
  bool take_confirmation() noexcept;              // somebody asked to confirm, since the last call
  void answer(const std::string& json) noexcept;  // to all who wait
  bool wants_reload() const noexcept;             // somebody waits for another answer
  void answer_reload(const std::string& text) noexcept;
  TimePoint next_deadline() const noexcept;

  // ---- events
  bool newcomers() const noexcept;  // somebody wants events and was not greeted
  void greet(std::string_view line, TimePoint now);
  // To all who were greeted: a line without its end. Who has no room for it misses it, and gets
  // `gap` of how many he missed in front of the next one that he has room for.
  using Gap = std::function<std::string(std::uint64_t missed)>;
  void announce(std::string_view line, TimePoint now, const Gap& gap);

 private:
  struct Client {
    Fd fd;
    bool may_change = false;
    TimePoint until;
    std::string in, out;
    bool asked = false;
    bool confirms = false, reloads = false;
    bool streams = false;
  };
  struct Reader {
    Fd fd;
    std::string out;
    std::uint64_t missed = 0;
    bool greeted = false;
    TimePoint until = kNever;  // when he has taken nothing for too long
  };
  void accept_all(TimePoint now);
  void answer(bool reload, const std::string& text) noexcept;
  static bool progress(Client&);  // false: done with it
  static void refuse(Client&);
  static bool progress(Reader&, TimePoint now);
  static void queue(Reader&, std::string_view line, TimePoint now, const Gap&);

  std::string path_;
  std::optional<gid_t> group_;
  Fd listener_;
  std::vector<Client> clients_;
  std::vector<Reader> readers_;
};

// ---- the other end. Both throw Error (Exit::permission) where one may not ask.
// Names that answer in the directory.
std::vector<std::string> control_names(const std::string& directory);
// A pidfd of the process that answers there. Empty: nobody does.
Fd process_of(const std::string& directory, const std::string& name);
// The name that is given, or else the only one. Empty: nothing runs. Throws Error (Exit::usage) if
// several do.
std::string chosen_name(const std::string& directory, const std::string& name);
std::optional<std::string> ask(const std::string& directory, const std::string& name, Request);
// A descriptor from which lines come. Empty: nothing of that name runs.
Fd ask_for_events(const std::string& directory, const std::string& name);

}  // namespace vpnd::nl
