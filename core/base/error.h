// SPDX-License-Identifier: ISC
#pragma once

// The one exception. Thrown while setting up, caught in main and where the keeper replaces a plan;
// never thrown for anything that came from a network.

#include <exception>
#include <string>

namespace vpnd {

// What the program ends with; sysexits.h values, since service managers print their names.
enum class Exit : int {
  ok = 0,
  failure = 1,
  not_running = 3,
  leak = 3,  // no more protected than with nothing running
  usage = 64,
  unavailable = 69,  // no endpoint answered, or its name does not resolve
  software = 70,
  os = 71,         // the kernel lacks something
  temporary = 75,  // another process holds the tunnel or the port
  protocol = 76,   // answered or silent, but no session
  permission = 77,
  config = 78,
};

class Error : public std::exception {
 public:
  // "doing" is what we were at, in words that follow "cannot": "add route 10.0.0.0/8 dev vpn0".
  // "errnum" is a positive errno or 0; "detail" the kernel's own sentence, or the reason.
  // "remedy" is what the user should do; it becomes the second line.
  explicit Error(std::string doing, int errnum = 0, std::string detail = {},
                 Exit code = Exit::failure, std::string remedy = {});

  const char* what() const noexcept override { return line_.c_str(); }  // one line, without remedy
  const std::string& doing() const noexcept { return doing_; }
  const std::string& remedy() const noexcept { return remedy_; }
  int errnum() const noexcept { return errnum_; }
  Exit code() const noexcept { return code_; }

 private:
  std::string doing_, remedy_, line_;
  int errnum_;
  Exit code_;
};

// Complaint about something the user wrote: the text is the whole line.
Error usage_error(std::string line, std::string remedy = {});
Error config_error(std::string line, std::string remedy = {});
// Nothing of that name runs; empty: nothing at all.
Error not_running_error(const std::string& name);

}  // namespace vpnd
