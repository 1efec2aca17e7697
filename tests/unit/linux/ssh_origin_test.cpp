// SPDX-License-Identifier: ISC
#include "linux/ssh_origin.h"

#include <criterion/criterion.h>

#include "tests/support/lowered.h"
#include "tests/support/plans.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

bool kept(const plan::ClientConfig& config, const HostFacts& host, const char* from) {
  return stays_reachable(lower(client_plan(config), host), address(from));
}

}  // namespace

Test(ssh_origin, is_read_from_an_environment) {
  using std::string_view_literals::operator""sv;
  const auto found = ssh_connection(
      "HOME=/root\0SSH_CONNECTION=192.0.2.9 50022 203.0.113.5 22\0SHELL=/bin/sh\0"sv);
  cr_assert(found && found->from == address("192.0.2.9") && found->to == address("203.0.113.5"));
  const auto v6 = ssh_connection("SSH_CONNECTION=2001:db8::9 1 2001:db8::5 22"sv);
  cr_assert(v6 && v6->from == address("2001:db8::9"));
  for (const auto text : {""sv, "\0\0"sv, "XSSH_CONNECTION=192.0.2.9 1 203.0.113.5 22"sv,
                          "SSH_CONNECTION="sv, "SSH_CONNECTION=192.0.2.9"sv,
                          "SSH_CONNECTION=here 1 there 22"sv, "SSH_CONNECTION=1.2.3.4 1  22"sv}) {
    cr_assert_not(ssh_connection(text).has_value());
  }
}

Test(ssh_origin, a_shell_of_another_namespace_is_not_ours_to_cut) {
  auto host = laptop();
  host.links[1].addresses = {prefix("192.168.1.20/24")};
  cr_assert(is_of({address("192.0.2.9"), address("192.168.1.20")}, host));
  cr_assert_not(is_of({address("192.0.2.9"), address("192.168.1.21")}, host));
}

Test(ssh_origin, who_comes_from_afar_is_cut_and_a_neighbour_is_not) {
  auto config = client_config();
  cr_assert_not(kept(config, laptop(), "192.0.2.9"));
  cr_assert_not(kept(config, laptop(), "2001:db8:77::1"));
  cr_assert(kept(config, laptop(), "192.168.1.7"));
  config.exclude = {prefix("192.0.2.9/32")};
  cr_assert(kept(config, laptop(), "192.0.2.9"));
  config.exclude.clear();
  config.lan = plan::Lan::none;
  cr_assert_not(kept(config, laptop(), "192.168.1.7"));
  config.kill_switch = plan::KillSwitch::off;
  cr_assert_not(kept(config, laptop(), "192.0.2.9"), "the reply goes into the tunnel");
  config.full = false;
  config.include = {prefix("10.0.0.0/8")};
  config.kill_switch = plan::KillSwitch::on;
  cr_assert(kept(config, laptop(), "192.0.2.9"));
  cr_assert_not(kept(config, laptop(), "10.3.4.5"));
}
