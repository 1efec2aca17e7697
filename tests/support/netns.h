// SPDX-License-Identifier: ISC
#pragma once

// Network namespaces for tests, and programs run inside them. Needs CAP_SYS_ADMIN: root, or the
// whole test program under `unshare -Urn`. Without it the tests are skipped, and say why.

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "linux/fd.h"

namespace vpnd::test {

// For .init: moves this test's process into an empty namespace with the loopback up, or skips.
void fresh_netns();

// An unnamed namespace, alive as long as its descriptor.
class Namespace {
 public:
  Namespace();  // with the loopback up; skips the test when there can be none
  int fd() const noexcept { return fd_.get(); }
  // Runs on a thread of its own inside, and waits; what it throws is thrown here. Criterion's
  // assertions do not work in there: carry values out.
  void run(const std::function<void()>&) const;

 private:
  Fd fd_;
};

// A veth pair between two namespaces, up on both sides, each with addresses such as "10.0.0.1/24"
// (v6 without duplicate detection and without link-local addresses), which have all their routes
// when it returns.
void join(const Namespace& a, const std::string& name_a,
          const std::vector<std::string>& addresses_a, const Namespace& b,
          const std::string& name_b, const std::vector<std::string>& addresses_b);

// A program of its own, killed with the thread that started it and by the destructor.
class Child {
 public:
  // `netns`: -1 for the caller's own. Both of its outputs go to one pipe. `before`: runs in the new
  // process, last of all before the program.
  Child(const std::vector<std::string>& arguments, int netns = -1,
        const std::function<void()>& before = {});
  Child(Child&&) noexcept;
  Child& operator=(Child&&) noexcept;  // the other one takes over what this one had
  ~Child();
  pid_t pid() const noexcept { return pid_; }
  void signal(int) const noexcept;
  // Its exit status, or 128 + signal; kills it after so many seconds, and then returns -1.
  int wait(double seconds = 20);
  const std::string& output();  // what it said so far
  // Until its output contains that, or it ended, or so many seconds have passed.
  bool says(const std::string& text, double seconds = 20);

 private:
  void read_some();
  pid_t pid_ = -1;
  int status_ = -1;
  bool ended_ = false;
  Fd pipe_;
  std::string output_;
};

struct Finished {
  int status = -1;
  std::string output;
};
Finished run_program(const std::vector<std::string>& arguments, int netns = -1);
// `ip` with these words.
Finished run_ip(const std::string& words, int netns = -1);

// A forked copy of this process for what has to be killed or unprivileged. Returns its exit status
// (128 + signal); `body` returns what it exits with.
int in_child(const std::function<int()>& body);
// The same, not waited for: it tells that `body` is through by closing a pipe, then sleeps for
// ever.
pid_t child_that_stays(const std::function<void()>& body);
// Gives up every privilege for good.
void become_nobody();

std::string temporary_directory();  // removed when the process ends normally

}  // namespace vpnd::test
