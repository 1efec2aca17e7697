// SPDX-License-Identifier: ISC
// What a signal asks for:
//   INT, TERM   end, and take everything back; the second one ends at once, with the journal kept
//   USR1        end, and leave everything as it is: the wall holds for the process that comes next
//   USR2        the status, into the log
//   HUP         reads the file again; without one it is like TERM
#include <csignal>
#include <sstream>

#include "core/base/log.h"
#include "linux/keeper_loop.h"

namespace vpnd::nl {
void KeeperLoop::signals() {
  for (int number = signals_.next(); number != 0; number = signals_.next()) on_signal(number);
}

void KeeperLoop::on_signal(int number) {
  switch (number) {
    case SIGCHLD:
      return reap();
    case SIGUSR1:
      return leave_standing();
    case SIGUSR2:
      log_wanted_ = true;  // serve_status() answers it with the others
      return;
    case SIGHUP:
      if (!files_.read_again) return stop();
      (void)reload();
      return;
    default:
      break;
  }
  if (std::exchange(told_to_end_, true)) end_at_once(number);
  stands_ = false;
  stop();
}

void KeeperLoop::end_at_once(int number) {
  end_engine();
  log(Level::warning, "ended at once; \"vpnd cleanup {}\" takes back what is left",
      keeper_.common().interface);
  Signals::let_through();
  (void)std::raise(number);
}

void KeeperLoop::log_status(const plan::Status& status) {
  std::istringstream lines(plan::print(status));
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) log(Level::notice, "{}", line);
  }
}

}  // namespace vpnd::nl
