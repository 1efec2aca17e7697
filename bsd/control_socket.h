// SPDX-License-Identifier: ISC
#pragma once

// The control socket <run>/<name>.sock. One line in: what is wanted. Out: a JSON document; for
// "events" a line of JSON for each thing that happens, as long as somebody reads; for "reload"
// plan::to_text of how it went; for "stop" a line, and then nothing until the process is gone. Root
// and the daemon's own user may ask for everything, a group may look. Few are answered at a time,
// and nobody can make the keeper wait, or keep more than kMostQueued bytes.

#include <poll.h>
#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bsd/fd.h"
#include "core/base/time.h"

namespace vpnd::bsd {

enum class Request : std::uint8_t { none, status, events, confirm, reload, stop };

class ControlSocket {
 public:
  static constexpr std::size_t kMostClients = 8, kMostReaders = 8, kMostQueued = 64 * 1024;

  // Makes the directory. Throws Error; Exit::temporary if a living process answers at that name.
  ControlSocket(const std::string& directory, const std::string& name, std::optional<gid_t> group);
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;
  ~ControlSocket();  // unlinks it; who waits for the process's end goes on waiting

  void watch(std::vector<pollfd>&) const;
  // Accepts, reads, writes, drops who took too long.
  void serve(TimePoint now);
  TimePoint next_deadline() const noexcept;

  bool asked(Request) const noexcept;           // does somebody wait for such an answer
  bool take(Request) noexcept;                  // did somebody ask for that, since the last call
  void answer(Request, std::string_view text);  // to all who wait for it

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
    bool owner = false;
    TimePoint until;  // when patience with it ends
    Request request = Request::none;
    bool fresh = false;     // asked, and not yet taken
    bool answered = false;  // goes when all was sent
    bool greeted = false;
    bool done = false;  // with it, in this round
    std::uint64_t missed = 0;
    std::string in, out;

    bool waits_for(Request r) const noexcept { return request == r && !answered; }
    bool streams() const noexcept { return request == Request::events; }
  };
  void accept_all(TimePoint now);
  bool progress(Client&, TimePoint now);  // false: done with it
  bool read_request(Client&);
  bool understand(Client&);
  static bool write_out(Client&, TimePoint now) noexcept;
  static void queue(Client&, std::string_view line, TimePoint now, const Gap&);

  std::string path_;
  std::optional<gid_t> group_;
  Fd listener_;
  std::vector<Client> clients_;
  std::vector<Fd> until_the_end_;
};

// ---- the other end. All throw Error (Exit::permission) where one may not ask.
// Names that answer in the directory.
std::vector<std::string> control_names(const std::string& directory);
// The name that is given, or else the only one. Empty: nothing runs. Throws Error (Exit::usage) if
// several do.
std::string chosen_name(const std::string& directory, const std::string& name);
// A connection on which that was asked for. Empty: nobody answers there.
Fd begin_request(const std::string& directory, const std::string& name, Request);
// All of the answer. nullopt: there is none.
std::optional<std::string> ask(const std::string& directory, const std::string& name, Request);
// Did that end as no more than a refusal? Throws the Error then.
void throw_if_denied(std::string_view answer);

}  // namespace vpnd::bsd
