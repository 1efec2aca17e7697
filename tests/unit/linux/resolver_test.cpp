// SPDX-License-Identifier: ISC
#include "linux/resolver.h"

#include <criterion/criterion.h>

#include "tests/support/plans.h"

using namespace vpnd;
using namespace vpnd::nl;
using namespace vpnd::test;
using plan::DnsMode;

namespace {

DnsServers dns() {
  DnsServers d;
  d.interface = "vpn0";
  d.servers = {address("10.0.0.53"), address("fd00::53")};
  return d;
}

// The lines that are no comments.
std::string body(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at) + 1;
    if (text[at] != '#') out += text.substr(at, end - at);
    at = end;
  }
  return out;
}

}  // namespace

Test(resolver, methods_by_mode) {
  using enum DnsMethod;
  using Methods = std::vector<DnsMethod>;
  cr_assert(dns_methods(DnsMode::automatic, false) == Methods({resolved, file}));
  cr_assert(dns_methods(DnsMode::resolved, false) == Methods({resolved}));
  cr_assert(dns_methods(DnsMode::file, false) == Methods({file}));
  cr_assert(dns_methods(DnsMode::off, false).empty());
  // Resolved's own network namespace is looked at when it has answered.
  cr_assert(dns_methods(DnsMode::automatic, true) == Methods({resolved}));
  cr_assert(dns_methods(DnsMode::file, true).empty());
}

Test(resolver, resolved_is_asked_where_programs_ask_it) {
  for (const char* mode : {"stub", "uplink", "static"}) cr_assert(resolved_answers(mode, ""));
  for (const char* mode : {"foreign", "missing", "later"}) {
    cr_assert(!resolved_answers(mode, "../run/systemd/resolve/stub-resolv.conf"), "%s", mode);
  }
  cr_assert(resolved_answers("", "../run/systemd/resolve/stub-resolv.conf"));
  cr_assert(!resolved_answers("", ""));
  cr_assert(!resolved_answers("", "/run/resolvconf/resolv.conf"));
}

Test(resolver, the_file_says_what_was_asked) {
  DnsServers d = dns();
  cr_assert_eq(body(resolver_text(d, "", false)), "nameserver 10.0.0.53\nnameserver fd00::53\n");
  d.domains = {"corp.example", "lab"};
  cr_assert_eq(body(resolver_text(d, "nameserver 192.0.2.1\nsearch old\n", false)),
               "nameserver 10.0.0.53\nnameserver fd00::53\nsearch corp.example lab\n");
  d.servers.assign(5, address("10.0.0.1"));
  d.domains.clear();
  cr_assert_eq(body(resolver_text(d, "", false)).size(), 3 * sizeof("nameserver 10.0.0.1"));
}

Test(resolver, options_stay_but_for_trust_in_the_old_resolver) {
  const auto options = [](const char* before) {
    const std::string text = body(resolver_text(dns(), before, false));
    const auto at = text.find("options");
    return at == text.npos ? std::string{} : text.substr(at);
  };
  cr_assert_eq(options("options edns0 trust-ad\n"), "options edns0\n");
  cr_assert_eq(options("# options x\noptions\tndots:2 timeout:1\nx\noptions rotate"),
               "options ndots:2 timeout:1 rotate\n");
  cr_assert_eq(options("options trust-ad\n"), "");
  cr_assert_eq(options("options\noptionsx a\n options a\n"), "");
  cr_assert_eq(options("options a\x01"
                       "b c\r\n"),
               "options c\n");
}

Test(resolver, a_mark_is_read_back) {
  const auto mark = resolver_mark(resolver_text(dns(), "", false));
  cr_assert(mark && mark->interface == "vpn0" && !mark->absent);
  cr_assert(resolver_mark(resolver_text(dns(), "", true))->absent);
  for (const char* other :
       {"", "# vpnd", "nameserver 10.0.0.1\n", "# vpnd: written for the tunnel ",
        "# vpnd: written for the tunnel ../x, which\n", "# vpnd: written for the tunnel all,\n"}) {
    cr_assert(!resolver_mark(other), "%s", other);
  }
  cr_assert(!resolver_mark("x" + resolver_text(dns(), "", false)));
}
