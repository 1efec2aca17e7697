// SPDX-License-Identifier: ISC
#pragma once

// The seam: what an operating system must give us. Declared here, defined once by linux/, once by
// bsd/ and once by tests/fake; the linker chooses. Included by tools, by core/plan/keeper.cpp and
// by the hosts.
//
// There is deliberately no event loop in it: a ring completes, a kqueue reports readiness, and
// any common interface would lie about one of them. Each host has a driver of its own.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/plan/applied.h"
#include "core/plan/config.h"
#include "core/plan/doctor.h"
#include "core/plan/leak.h"
#include "core/plan/lowered.h"
#include "core/plan/plan.h"
#include "core/plan/reload.h"

namespace vpnd::host {

// Where things are kept; the command line may move both (tests, the demo, ordinary users).
struct Places {
  std::string state;  // 0700: instance ids, lease secret; default /var/lib/vpnd
  std::string run;    // sockets; default /run/vpnd
};

// The tunnel device, open but down. Destroying it removes the device, unless an engine holds it.
class Tunnel {
 public:
  // `name` empty: the lowest free vpnN. `kept`: a descriptor of the device of that name, which an
  // earlier process has left; it is taken over with what hangs on the device, as the first of its
  // queues. -1: a new one is made. Throws Error.
  explicit Tunnel(const std::string& name, int kept = -1, std::uint32_t queues = 1);
  Tunnel(Tunnel&&) noexcept;
  Tunnel& operator=(Tunnel&&) noexcept;
  ~Tunnel();
  const std::string& name() const noexcept;
  int descriptor() const noexcept;       // of its first queue
  std::vector<int> descriptors() const;  // of each queue
  std::uint16_t kinds() const noexcept;
  // Not so when somebody removed or renamed the device, or took it elsewhere: then the descriptor
  // leads nowhere, and all that hung on the device is gone with it.
  bool alive() const noexcept;
  // Removes the device whoever else still holds it.
  void remove() noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// By the text of Presence::dns. Resolvers that could not be set are none of the changes made.
inline bool dns_is_set(std::string_view dns) noexcept {
  return !dns.empty() && !dns.starts_with("not set");
}

// Of the changes of a plan: how many there are, and which are gone.
struct Presence {
  unsigned made = 0, present = 0;
  std::vector<std::string> missing;
  std::string dns;           // the resolvers and by what they are set, or why they are not
  bool tables_owned = true;  // nobody else can change them, and they outlive us; since Linux 6.9
};

// What repair() did: a line for each thing that is there again, and why the first of the others is
// not.
struct Repair {
  std::vector<std::string> put_back;
  std::string failure;
};

// The machine's network, as far as a plan speaks of it. It must outlive what it applied.
class Machine {
 public:
  // `kept`: the descriptor that tables() of an earlier process was; it is taken over. -1: there is
  // none. Throws Error.
  explicit Machine(const Places&, int kept = -1);
  Machine(Machine&&) noexcept;
  ~Machine();

  // Takes the name for this process: Exit::temporary while another living one has it. Before any
  // change. Empty: the lowest vpnN that is free. Returns the name.
  std::string claim(const std::string& interface);

  // Notes whose the interface is, for cleanup_after_service(); after sweep().
  void note_tunnel(const std::string& tunnel) noexcept;
  // Notes that all that is applied is left as it is, for the next process of this interface. The
  // caller ends without destroying anything.
  void note_standing() noexcept;

  // Makes a plan come true, all of it or nothing. Throws Error.
  plan::Applied apply(const plan::Plan&);
  // From one plan to the next with no moment between in which neither holds; what both share is not
  // touched. Throws Error; then as much of the old plan holds as can be put back.
  void replace(plan::Applied&, const plan::Plan& now, const plan::Plan& next);
  Presence check(const plan::Plan&);
  unsigned changes() const noexcept;  // that are in place, as far as we made them
  // Is all that was applied still there? Changed settings do not count, nor does the device's MTU:
  // that is an administrator's choice, with which nobody fights.
  bool intact();
  // Makes again, in order, what is applied and not there; taking it back later stays what it was.
  // `fresh` names a device that was made anew: its settings are made again as well.
  Repair repair(const std::string& fresh);
  // How traffic with that mark reaches it now: device, gateway and source address. Equal texts:
  // the same way. Empty: none, or its device has no carrier.
  std::string way_to(const Endpoint&, Fwmark);
  // Removes what a dead process left for this interface. A server's own table and pool route are
  // spared: the next apply() adopts them, so that running flows go on. One line for each thing.
  std::vector<std::string> sweep(const std::string& interface, bool server);
  // Instead, when the device of that process was kept: nothing is removed before the next apply()
  // has taken over what it wants of it, so that there is no moment without.
  std::vector<std::string> adopt(const std::string& interface);
  // All that is left of an interface that nobody goes on with.
  std::vector<std::string> forget(const std::string& interface);
  // What owns the nft tables: whoever keeps a duplicate keeps them. -1: nothing does.
  int tables() const noexcept;
  // Of that, the host's resolver only: before names are looked up, and with the wall as it is.
  std::vector<std::string> sweep_resolver(const std::string& interface);
  bool has_v6();
  // Whom this host asks for names when there is no tunnel of ours: the resolver file as it was
  // before we changed it; behind a stub on loopback the resolvers that the stub asks, as far as it
  // tells; else the stub. Never more than a few.
  std::vector<Address> outer_resolvers();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The plan as the host would carry it out; changes nothing.
plan::Lowered lowered(const plan::Plan&);

// Called once: a client is connected, a server listens. `interface` is its name.
using Running = std::function<void(const std::string& interface)>;

// How not to lock an administrator out of a machine that is far away.
struct Caution {
  // Take everything back after so long, unless somebody confirms. Zero: no trial.
  std::chrono::seconds try_for{};
  // Begin even if the remote shell this runs in would be cut.
  bool may_lose_ssh = false;
  Running running = {};  // who wants to know that it runs; none: nobody
};

// Runs a client or a server in the foreground until it ends: keeper, engine and all. Returns what
// the process should end with; throws Error for what stopped it before it began.
// Of a tunnel that a file describes, reads it once more; throws Error. On SIGHUP and at reload()
// what can be changed without ending a session is changed. Without it SIGHUP ends the tunnel.
struct ReadAgain {
  std::string path;
  std::function<plan::Config()> read = {};
};
Exit keep(const plan::Config&, const Places&, const Caution&, const ReadAgain& = {});
// Has a running tunnel read its file again. The name as for status(); nullopt: nothing runs.
std::optional<plan::Reloaded> reload(const std::string& name, const Places&);
// What goes before a line of that level on the standard error. Empty, unless somebody reads it.
std::string log_prefix(Level);
// Carries `body`, a keep(), out in a process of its own, which outlives this one once it has called
// what it is given. `log`: the file for its lines; empty: the journal. Returns in both processes.
// In this one: Exit::ok, after calling `running`; throws Error for what stopped the other one
// before that, with its exit code, line and remedy, and then nothing is left of it. A signal to
// this process stops the other one until then. In the other one: what `body` returned or threw.
using Body = std::function<Exit(const Running&)>;
Exit in_background(const Body& body, const std::string& log, const Running& running);
bool runs(const std::string& name, const Places&);  // does anything of exactly that name answer?
bool journal_listens();                             // on this host, to this process
// Stops a running tunnel, and returns when its process is gone and everything was taken back.
// False: nothing of that name runs. Throws Error: Exit::permission if it is another user's,
// Exit::temporary if it takes longer than `patience`.
bool stop(const std::string& name, const Places&, std::chrono::seconds patience);
// Ends the trial of a running tunnel: it stays. The name as for status(). False: nothing runs.
bool confirm(const std::string& name, const Places&);

// Undoes what a dead process left; one line for each thing. Refuses (Error, Exit::temporary) while
// a living one holds the interface. Empty: every interface.
std::vector<std::string> cleanup(const std::string& interface, const Places&);

// What a service manager says of a process that has ended: SERVICE_RESULT, EXIT_CODE and
// EXIT_STATUS of systemd.exec(5).
struct ServiceEnd {
  std::string result, code, status;
};
// Of cleanup() what that end calls for, and never a wall. One line for each thing.
std::vector<std::string> cleanup_after_service(const std::string& tunnel, const Places&,
                                               const ServiceEnd&);

// Puts up the wall of a tunnel that does not run: nothing leaves until it does, or until cleanup().
// The kill switch is "always". Returns the interface. Throws Error: Exit::temporary while the
// tunnel runs.
std::string lock(const plan::ClientConfig&, const Places&);

// Sets this host's resolver for tunnels that may not do it themselves, until nobody wants it. Their
// requests come by a socket that a service manager passes. Throws Error.
Exit serve_resolver(const Places&);

// The JSON of a running tunnel's status. nullopt: nothing of that name runs. Empty name: the only
// one that runs; Error (Exit::usage) naming them if there are several.
std::optional<std::string> status(const std::string& name, const Places&);

// All that run, by name.
std::vector<std::string> running(const Places&);

// What happens to a running tunnel, as it happens: lines of JSON of the schema "vpnd.event/1". The
// first one comes at once and says how things stand.
class Events {
 public:
  // The name as for status(). Throws Error; Exit::not_running if nothing of that name runs.
  Events(const std::string& name, const Places&);
  Events(Events&&) noexcept;
  Events& operator=(Events&&) noexcept;
  ~Events();
  int descriptor() const noexcept;  // readable: next() may have one
  // Waits as long as that, for ever if it is negative. nullopt: none came, or they ended.
  std::optional<std::string> next(std::chrono::milliseconds);
  bool ended() const noexcept;  // the tunnel has

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Sends canaries by every way out that an application has, watches all devices meanwhile, and tells
// which of them left past the tunnel of a running client. Takes about three seconds; leaves nothing
// behind. The name as for status(); nullopt: nothing of that name runs. Throws Error: not
// permitted, not a client, or a device that cannot be watched.
std::optional<plan::LeakReport> check(const std::string& name, const Places&);

// Looks whether this host carries a tunnel, and whether the one of that name, if it runs, is as it
// should be. The name as for status(); a configuration tells more. Changes nothing. Throws Error
// where the kernel does not answer at all.
plan::Findings doctor(const std::string& name, const std::optional<plan::Config>&, const Places&);

// A client's server, or a server's own bind name, as addresses. Throws Error (Exit::unavailable).
std::vector<Endpoint> resolve(const std::string& host, std::uint16_t port);

// The resolvers that this host asks, and that others could ask as well.
std::vector<Address> resolvers();

// A tunnel between a real server and a real client in network namespaces of their own, with traffic
// and proofs, told on the standard output. Exit::ok only if everything held. Throws Error where
// namespaces cannot be had, or the report cannot be written: that is tried before it begins.
struct DemoOptions {
  bool keep = false;     // leave it up until SIGINT
  bool verbose = false;  // show what server and client log
  std::string report{};  // a file for one HTML page about it; empty: none
};
Exit demo(const DemoOptions&);

}  // namespace vpnd::host
