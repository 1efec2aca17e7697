// SPDX-License-Identifier: ISC
#include "core/plan/kept_session.h"

#include <criterion/criterion.h>

#include "core/plan/keeper_messages.h"

using namespace vpnd;

namespace {

plan::KeptSession session() {
  plan::KeptSession out;
  out.host = "vpn.example.net";
  out.port = 443;
  out.endpoints = {*Endpoint::parse("203.0.113.2:443"), *Endpoint::parse("[2001:db8::2]:443")};
  out.lease.mtu = 1400;
  out.lease.client_v4 = *Prefix::parse("192.168.192.7/24");
  out.lease.server_v4 = *Address::parse("192.168.192.254");
  out.cookie[3] = 9;
  return out;
}

}  // namespace

Test(kept_session, comes_back_as_it_was) {
  const auto back = plan::decode_kept_session(plan::encode(session()));
  cr_assert(back);
  cr_assert(*back == session());
}

Test(kept_session, damage_is_seen) {
  const auto whole = plan::encode(session());
  for (std::size_t n = 0; n < whole.size(); ++n) {
    cr_expect_not(plan::decode_kept_session(Bytes(whole).first(n)), "cut at %zu", n);
  }
  auto longer = whole;
  longer.push_back(0);
  cr_expect_not(plan::decode_kept_session(longer));
  auto newer = whole;
  newer[0] = 2;
  cr_expect_not(plan::decode_kept_session(newer));
}

Test(kept_session, has_room_for_all_endpoints) {
  plan::KeptSession many = session();
  many.endpoints.assign(plan::kMaxEndpoints + 3, *Endpoint::parse("203.0.113.2:443"));
  const auto bytes = plan::encode(many);
  cr_assert_leq(bytes.size(), plan::kMostKeptSession);
  const auto back = plan::decode_kept_session(bytes);
  cr_assert(back);
  cr_assert_eq(back->endpoints.size(), plan::kMaxEndpoints);
}
