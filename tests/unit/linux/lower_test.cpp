// SPDX-License-Identifier: ISC
#include <criterion/criterion.h>

#include "tests/support/golden.h"
#include "tests/support/lowered.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

std::string whole(const plan::Plan& p, const HostFacts& f) {
  std::string out = p.title + "\n";
  for (const auto& l : lines(p, f)) out += "  " + l + "\n";
  for (const auto& l : warnings(p, f)) out += "! " + l + "\n";
  return out + "\n";
}

}  // namespace

Test(lower, nothing_from_an_empty_plan) {
  cr_assert(lower(plan::Plan{}, laptop()).empty());
  cr_assert(warnings(plan::Plan{}, laptop()).empty());
}

Test(lower, golden) {
  auto excluding = client_config();
  excluding.exclude = {prefix("198.51.100.0/24")};
  auto list = client_config();
  list.full = false;
  list.include = {prefix("10.0.0.0/8")};
  auto gateway = client_config();
  gateway.gateway = address("192.168.1.254");
  auto routes = client_config();
  routes.lan = plan::Lan::routes;
  auto strict = laptop();
  strict.rp_filter_all = 1;
  auto docker = gate();
  docker.has_force_forwarding = false;
  docker.drop_chains = {{Family::v4, false, "filter", "FORWARD", false}};
  compare_golden(
      "lower.txt",
      whole(client_plan(excluding), laptop()) + whole(client_plan(client_config(), false), strict) +
          whole(client_plan(list), laptop()) + whole(client_plan(gateway), strict) +
          whole(client_plan(routes), laptop()) + whole(plan::plan_server(server_config()), gate()) +
          whole(plan::plan_server(server_config(false)), docker));
}
