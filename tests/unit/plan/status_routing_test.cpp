// SPDX-License-Identifier: ISC
// What the status says of a client's routing, there and back.

#include <criterion/criterion.h>

#include <nlohmann/json.hpp>

#include "core/plan/status.h"

using namespace vpnd::plan;

namespace {

Status status() {
  Status s;
  s.name = s.interface = "vpn0";
  s.routing = {{"203.0.113.7:443"}, {"0.0.0.0/0", "::/0"}, {"10.9.0.0/16"}, "private", "on", 42069};
  return s;
}

}  // namespace

Test(status_routing, json_reads_back) {
  const auto back = status_from_json(to_json(status()));
  cr_assert(back.has_value());
  const Status::Routing &r = back->routing, was = status().routing;
  cr_assert_eq(r.endpoints, was.endpoints);
  cr_assert_eq(r.into_tunnel, was.into_tunnel);
  cr_assert_eq(r.past_tunnel, was.past_tunnel);
  cr_assert_eq(r.lan, "private");
  cr_assert_eq(r.kill_switch, "on");
  cr_assert_eq(r.fwmark, 42069u);
}

Test(status_routing, an_earlier_version_says_nothing_of_it) {
  auto j = nlohmann::json::parse(to_json(status()));
  cr_assert_eq(j["routing"]["into_tunnel"].size(), 2u);
  j.erase("routing");
  const auto back = status_from_json(j.dump());
  cr_assert(back.has_value());
  cr_assert(back->routing.into_tunnel.empty());
  j["routing"] = 3;
  cr_assert_not(status_from_json(j.dump()).has_value());
}
