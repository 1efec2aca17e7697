// SPDX-License-Identifier: ISC
#pragma once

// What the privileged process decides. It trusts its configuration and nothing that the engine
// says: each message is checked against the state in which it may come. What has to be done by the
// host's loop comes back as actions; what changes the machine goes through core/host.h.

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/host.h"
#include "core/plan/keeper_messages.h"
#include "core/plan/kept_session.h"
#include "core/plan/repair_budget.h"
#include "core/plan/status.h"

namespace vpnd::plan {

namespace action {
struct SendListeners {};
struct SendTun {};  // a duplicate of the tunnel's descriptor
struct SendStop {};
struct SendNetworkChanged {};  // there is another way to the server
struct Dial {                  // connect, and answer with Dialled
  engine::ConnId conn;
  Endpoint to;
};
struct Refuse {  // answer with Dialled and this errno
  engine::ConnId conn;
  std::uint32_t errnum = 0;
};
struct DialResolver {  // a datagram socket to its port 53; answer with Resolver
  engine::AskResolver asked;
  Address to;
};
struct RefuseResolver {  // answer with Resolver and this errno
  engine::AskResolver asked;
  std::uint32_t errnum = 0;
};
struct KillEngine {
  std::string why;
};
struct StartEngine {
  TimePoint at;
};
struct SendSettings {
  to_engine::Settings settings;
};
struct Finish {  // end the engine, revert, print line and remedy, return the code
  Exit code = Exit::ok;
  std::string line, remedy;
};
}  // namespace action
using Action = std::variant<action::SendListeners, action::SendTun, action::SendStop,
                            action::SendNetworkChanged, action::Dial, action::Refuse,
                            action::DialResolver, action::RefuseResolver, action::KillEngine,
                            action::StartEngine, action::SendSettings, action::Finish>;
using Actions = std::vector<Action>;

class Keeper {
 public:
  // The interface has its name already. `endpoints`: the client's server, or what a server listens
  // on; none when a client's server is to be looked up first. `machine` must outlive the keeper.
  Keeper(host::Machine& machine, Config, std::vector<Endpoint> endpoints);

  // Before prepare(): goes on where another process of this tunnel has stopped. The device is
  // taken over by its descriptor (-1: there is none), a client's lease stands from the start.
  void resume(int tunnel, const std::optional<KeptSession>&);
  // The device, which is down and without addresses on a client until its first lease; a client's
  // wall; a server's whole plan.
  // Throws Error; then nothing was changed.
  void prepare();

  void engine_started(TimePoint now);
  Actions from_engine(const ToKeeper&, TimePoint now);
  // Its process ended, its socket closed, or it said what nobody may say.
  Actions engine_lost(TimePoint now);
  Actions stop(TimePoint now);  // a signal
  void revert() noexcept;
  // What another process needs to know to go on; nullopt: nothing, also before a client's first
  // session.
  std::optional<KeptSession> kept_session() const;
  // At the end not even the wall stays, whatever is configured.
  void leave_nothing() noexcept { leave_nothing_ = true; }

  // ---- keeper_repair.cpp: what others do to the machine. All three may be called too often.
  // Something of ours may be gone: it is put back, unless that has happened too often. `by`: who
  // removed it, as far as the host knows; empty: nobody knows.
  Actions look(TimePoint now, const std::string& by);
  // When to look without being asked to: after a rest, or after a repair that failed.
  TimePoint next_look() const noexcept { return look_again_; }
  // Links, addresses or routes are others now: what stays local follows them, and a client's engine
  // hears of it when there is another way to its server.
  Actions networks_changed(TimePoint now);

  // ---- keeper_reload.cpp
  // Goes over to a configuration that differs in what may differ (reload.h). Throws Error; then
  // it has not.
  Actions change(Config next);
  // "connected to 203.0.113.7, rtt 18 ms": what it is at, without a question to the machine.
  std::string summary() const;

  bool is_server() const noexcept { return std::holds_alternative<ServerConfig>(config_); }
  const Config& config() const noexcept { return config_; }
  const Common& common() const noexcept;
  const std::vector<Endpoint>& endpoints() const noexcept { return endpoints_; }
  std::uint32_t queues() const noexcept;  // of the tunnel
  host::Tunnel* tunnel() noexcept { return tunnel_ ? &*tunnel_ : nullptr; }
  const wire::CookieBytes& cookie() const noexcept { return cookie_; }
  bool was_up() const noexcept { return was_up_; }
  bool stopping() const noexcept { return stopping_; }
  bool engine_ready() const noexcept { return engine_ == EngineState::ready; }
  std::uint64_t reports() const noexcept { return reports_; }            // complete ones so far
  std::uint32_t fallbacks() const noexcept { return ready_.fallbacks; }  // bits of Fallback

  // All of it but `version`, `cipher_library`, the times and the rates, which the host knows.
  Status status();
  // Of Status::last_repair; any, while there was none.
  TimePoint repaired_at() const noexcept { return repaired_at_; }
  engine::ClientState state() const noexcept { return state_; }

 private:
  enum class EngineState : std::uint8_t { none, starting, ready };

  Actions on(const to_keeper::Ready&, TimePoint);
  Actions on(const engine::Dial&, TimePoint);
  Actions on(const to_keeper::Became&, TimePoint);
  Actions on(const engine::KeepCookie&, TimePoint);
  Actions on(const to_keeper::LogLine&, TimePoint);
  Actions on(const to_keeper::Happened&, TimePoint);
  Actions on(const to_keeper::ReportHead&, TimePoint);
  Actions on(const to_keeper::ReportRows&, TimePoint);
  Actions on(const engine::Ended&, TimePoint);
  Actions on(const to_keeper::Stopped&, TimePoint);
  static Actions violation(std::string why);  // of what an engine may say

  // ---- keeper_look_up.cpp: where the server's name leads
  Actions on(const engine::AskResolver&, TimePoint);
  Actions on(const engine::UseAddresses&, TimePoint);
  bool looks_up() const noexcept;
  void find_resolvers();
  bool is_inner(const Address&, const wire::Lease&) const;
  void leave_out_inner(const wire::Lease&);
  Posture posture() const noexcept;

  bool may_tell(TimePoint);
  Actions up(const wire::Lease&, bool another);
  Plan client_plan(Posture, const std::optional<wire::Lease>&) const;
  void settle(Posture, const std::optional<wire::Lease>&);  // throws Error
  void go_over(Plan next);                                  // likewise
  void leave_the_wall() noexcept;
  void tell_applied();
  Actions repair(TimePoint now, const std::string& by);
  std::string ways();
  void report_complete();

  host::Machine& machine_;
  Config config_;
  std::vector<Endpoint> endpoints_;
  std::optional<host::Tunnel> tunnel_;  // goes after what was applied to it
  int kept_tunnel_ = -1;                // until prepare()
  Applied applied_;
  Plan plan_;
  unsigned changes_told_ = 0;

  EngineState engine_ = EngineState::none;
  to_keeper::Ready ready_;
  bool was_ready_ = false, stopping_ = false, was_up_ = false, leave_nothing_ = false;
  TimePoint started_{};
  Duration backoff_{};
  unsigned deaths_unready_ = 0;

  std::optional<wire::Lease> lease_;
  engine::ClientState state_ = engine::ClientState::idle;  // as the engine last said
  std::vector<Address> asked_;                             // resolvers that are open to it now
  bool handshaken_ = false;  // since it was last said that we are connected
  std::string endpoint_;     // of the last handshake, as the engine says
  bool endpoints_looked_up_ = false;
  wire::CookieBytes cookie_{};

  RepairBudget repairs_left_;
  unsigned repairs_made_ = 0;
  std::optional<LastRepair> last_repair_;  // without its time
  TimePoint repaired_at_{};
  std::string last_repair_failure_;
  TimePoint look_again_ = kNever;
  bool rests_ = false;
  std::string ways_;  // to the server, when last looked at

  // Two budgets for what an engine may ask for, refilled by time.
  struct Budget {
    double left, most, per_second;
    TimePoint at{};
    bool take(TimePoint now) noexcept;
  };
  Budget dials_{64, 64, 16}, lines_{200, 200, 100}, noise_{50, 50, 20}, asks_{32, 32, 4},
      answers_{8, 8, 1};
  std::uint64_t lines_lost_ = 0;

  to_keeper::ReportHead head_, last_head_;
  std::vector<engine::PeerReport> rows_, last_rows_;
  std::uint64_t reports_ = 0;
};

}  // namespace vpnd::plan
