// SPDX-License-Identifier: ISC
#include "linux/resolver_request.h"

#include <criterion/criterion.h>

using namespace vpnd;
using namespace vpnd::nl;
using Task = ResolverRequest::Task;

namespace {

DnsServers servers() {
  return {"vpn0",
          plan::DnsMode::automatic,
          {Address::v4(10, 0, 0, 53), *Address::parse("fd00::53")},
          {"corp.example", "example.net"}};
}

ResolverRequest of(Task task) {
  const bool link = task == Task::tell || task == Task::untell;
  ResolverRequest r{task, link ? 7u : 0u, task == Task::tell, {}};
  if (task == Task::tell || task == Task::write) r.dns = servers();
  if (task == Task::restore) r.dns.interface = "vpn0";
  return r;
}

bool taken(const ResolverRequest& r) {
  return decode_resolver_request(encode(r)).has_value();
}

}  // namespace

Test(resolver_request, every_task_comes_back_as_it_went_and_in_no_other_size) {
  for (const Task task : {Task::tell, Task::untell, Task::write, Task::restore}) {
    const auto bytes = encode(of(task));
    const auto back = decode_resolver_request(bytes);
    cr_assert(back && *back == of(task), "task %d", static_cast<int>(task));
    for (std::size_t n = 0; n < bytes.size(); ++n) {
      cr_assert_not(decode_resolver_request(Bytes(bytes).first(n)).has_value(), "%zu", n);
    }
    auto more = bytes;
    more.push_back(0);
    cr_assert_not(decode_resolver_request(more).has_value());
    auto other = bytes;
    other[0] = 0;
    cr_assert_not(decode_resolver_request(other).has_value(), "another version");
  }
}

Test(resolver_request, nothing_gets_in_that_would_not_do_in_a_resolver_file) {
  ResolverRequest r = of(Task::write);
  cr_assert(taken(r));
  for (const char* name : {"", "../x", "a b", "lo", "x\n"}) {
    r.dns.interface = name;
    cr_assert_not(taken(r), "interface \"%s\"", name);
  }
  r = of(Task::write);
  for (const char* domain : {"", "a b", "a\nnameserver 192.0.2.1", "-"}) {
    r.dns.domains = {domain};
    cr_assert_not(taken(r), "domain \"%s\"", domain);
  }
  r = of(Task::write);
  for (const Address& a : {Address{}, Address::v4(127, 0, 0, 1), Address::v4(224, 0, 0, 1)}) {
    r.dns.servers = {a};
    cr_assert_not(taken(r), "%s", a.text().c_str());
  }
  r.dns.servers.clear();
  cr_assert_not(taken(r), "no server");
}

Test(resolver_request, a_link_is_named_where_one_is_meant_and_only_there) {
  for (const Task task : {Task::tell, Task::untell, Task::write, Task::restore}) {
    ResolverRequest r = of(task);
    r.link = r.link == 0 ? 7 : 0;
    cr_assert_not(taken(r), "task %d", static_cast<int>(task));
  }
  ResolverRequest r = of(Task::tell);
  r.link = 0x80000000;
  cr_assert_not(taken(r), "a negative number");
}

Test(resolver_request, as_many_as_a_configuration_may_name_fit) {
  ResolverRequest r = of(Task::tell);
  r.dns.servers.assign(plan::kMostDnsServers, Address::v4(10, 0, 0, 53));
  r.dns.domains.assign(plan::kMostDnsDomains, std::string(63, 'a') + ".example");
  cr_assert_leq(encode(r).size(), kMostRequestBytes);
  cr_assert(taken(r));
}
