// SPDX-License-Identifier: ISC
// Administrators of machines far away: not locked out, not by mistake.

#include <criterion/criterion.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "tests/daemon/lab.h"
#include "tests/daemon/traffic.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

constexpr int kConfig = 78, kTemporary = 75;

// As sshd sets it for a shell on client 0.
void come_by_ssh_from(const char* address) {
  setenv("SSH_CONNECTION", (std::string(address) + " 50022 10.71.1.2 22").c_str(), 1);
}

Child client_with(Lab& lab, const std::vector<std::string>& options) {
  return lab.begin_client(0, options, lab.key(), Lab::kServer);
}

}  // namespace

Test(caution, a_client_does_not_cut_the_shell_it_is_started_from) {
  Lab lab;
  Child server = lab.start_server();
  const Snapshot before = lab.snapshot(lab.client());
  come_by_ssh_from("192.0.2.77");
  Child refused = client_with(lab, {});
  cr_assert_eq(refused.wait(10), kConfig, "%s", refused.output().c_str());
  for (const char* choice : {"192.0.2.77", "--exclude", "--try", "--accept-risk lose-ssh"}) {
    cr_assert(refused.output().find(choice) != std::string::npos, "%s", refused.output().c_str());
  }
  const Snapshot after = lab.snapshot(lab.client());
  cr_assert(before == after, "%s", before.difference(after).c_str());
  for (const std::vector<std::string>& options : std::vector<std::vector<std::string>>{
           {"--exclude", "192.0.2.77"}, {"--try", "60"}, {"--accept-risk", "lose-ssh"}}) {
    Child accepted = client_with(lab, options);
    cr_assert(accepted.says("connected,"), "%s", accepted.output().c_str());
  }
}

Test(caution, a_shell_from_the_local_network_is_no_obstacle) {
  Lab lab;
  Child server = lab.start_server();
  come_by_ssh_from("10.71.1.1");
  Child client = client_with(lab, {});
  cr_assert(client.says("connected,"), "%s", client.output().c_str());
}

Test(caution, who_is_connected_from_the_local_network_stays_connected) {
  Lab lab;
  const Responder shell(lab.client(), 22);
  Child server = lab.start_server();
  Idle session(lab.router(), Address::v4(10, 71, 1, 2), 22);
  cr_assert(session.speak());
  Child client = lab.start_client();
  cr_assert(session.speak(), "an old connection");
  cr_assert(tcp_echo(lab.router(), Address::v4(10, 71, 1, 2), 22, 1000), "a new one");
}

Test(caution, a_trial_that_nobody_confirms_is_taken_back) {
  Lab lab;
  Child server = lab.start_server();
  const Snapshot before = lab.snapshot(lab.client());
  // Even the kill switch that would stay.
  Child client = client_with(lab, {"--try", "2", "--kill-switch", "always"});
  cr_assert(client.says("connected,"), "%s", client.output().c_str());
  cr_assert_not(before == lab.snapshot(lab.client()), "the snapshot sees nothing");
  cr_assert_eq(client.wait(8), kTemporary, "%s", client.output().c_str());
  cr_assert(client.output().find("not confirmed within 2 s") != std::string::npos, "%s",
            client.output().c_str());
  const Snapshot after = lab.snapshot(lab.client());
  cr_assert(before == after, "%s", before.difference(after).c_str());
}

Test(caution, a_confirmed_trial_stays) {
  Lab lab;
  Child server = lab.start_server();
  Child client = client_with(lab, {"--try", "2"});
  cr_assert(client.says("connected,"), "%s", client.output().c_str());
  const Finished confirm = lab.vpnd(lab.client(), "client0", {"confirm", "vpn0"});
  cr_assert_eq(confirm.status, 0, "%s", confirm.output.c_str());
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));
  cr_assert(lab.ping(lab.client(), Lab::kTarget4), "%s", client.output().c_str());
  client.signal(SIGTERM);
  cr_assert_eq(client.wait(5), 0);
  cr_assert_eq(lab.vpnd(lab.client(), "client0", {"confirm"}).status, 3, "nothing runs");
}
