// SPDX-License-Identifier: ISC
// Tunnels that run, and what a plan and a doctor say of them.

#include <criterion/criterion.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/daemon/lab.h"
#include "tests/support/private_etc.h"
#include "tests/support/same_commands.h"
#include "tests/vectors/vectors.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

struct Asked {
  int status = -1;
  std::string output;
  Value report;

  // Of the first check of that id.
  const Value& check(const std::string& id) const {
    for (const Value& c : report.at("checks")) {
      if (c.at("id").text() == id) return c;
    }
    throw Error("find the check " + id + " in " + output);
  }
  std::string result(const std::string& id) const { return check(id).at("result").text(); }
  std::string detail(const std::string& id) const { return check(id).at("detail").text(); }
  std::string problems() const {
    std::string out;
    for (const Value& c : report.at("checks")) {
      if (c.at("result").text() != "problem") continue;
      out += c.at("id").text() + ": " + c.at("detail").text() + "\n";
    }
    return out;
  }
};

Asked ask(Lab& lab, const Namespace& ns, const std::string& who, const std::string& name) {
  const Finished f = lab.vpnd(ns, who, {"doctor", name, "--json"});
  Asked asked{f.status, f.output, Value::parse(f.output)};
  cr_assert_eq(asked.report.at("schema").text(), "vpnd.doctor/1");
  return asked;
}

Finished shell(const Namespace& ns, const std::string& script) {
  const std::string bin = std::filesystem::path(vpnd_program()).parent_path().string();
  return run_program({"sh", "-e", "-c", "PATH=" + bin + ":$PATH\n" + script}, ns.fd());
}

void own_resolver_file() {
  private_etc();
  std::ofstream("/etc/resolv.conf") << "nameserver 192.0.2.53\n";
}

void follow(const Namespace& ns, const Value& check) {
  for (const Value& command : check.at("fix").at("commands")) {
    const Finished f = shell(ns, command.text());
    cr_assert_eq(f.status, 0, "%s: %s", command.text().c_str(), f.output.c_str());
  }
}

}  // namespace

// The whole program against the whole text, on two equal hosts.
Test(doctor, a_client_makes_what_its_plan_says_as_commands) {
  const auto seen = [](Lab& lab) {
    // Hardware addresses are random.
    return std::regex_replace(comparable(lab.snapshot(lab.client()).text()),
                              std::regex("address [0-9a-f]{12} master"), "master");
  };
  own_resolver_file();
  Lab with_program;
  Child server = with_program.run_server(
      "pool6 = \"fd76:706e:6400::/64\"\naddress6 = \"fd76:706e:6400::1\"\n");
  Child client = with_program.start_client(0, {"--exclude", "192.0.2.0/24"});
  const std::string ours = seen(with_program);
  client.signal(SIGTERM);
  cr_assert_eq(client.wait(5), 0, "%s", client.output().c_str());

  Lab with_shell;
  const Finished plan = run_program({vpnd_program(), "plan", "client", "--exclude", "192.0.2.0/24",
                                     with_shell.key(), Lab::kServer, "443", "vpn0", "--format=ip"},
                                    with_shell.client().fd());
  cr_assert_eq(plan.status, 0, "%s", plan.output.c_str());
  const Finished done = shell(with_shell.client(), plan.output);
  cr_assert_eq(done.status, 0, "%s\n%s", plan.output.c_str(), done.output.c_str());
  Fd attached;
  with_shell.client().run([&] { attached = attach_to("vpn0"); });
  std::string theirs;
  cr_assert(eventually([&] { return (theirs = seen(with_shell)) == ours; }), "%s",
            text_difference(ours, theirs).c_str());
}

Test(doctor, a_running_client_is_well_until_a_rule_comes_before_its_own) {
  own_resolver_file();
  Lab lab;
  Child server = lab.start_server();
  Child client = lab.start_client();
  const Namespace& ns = lab.client();
  const Asked well = ask(lab, ns, "client0", "vpn0");
  cr_assert_eq(well.status, 0, "%s", well.problems().c_str());
  for (const char* id : {"leaks.changes", "leaks.wall", "leaks.ipv4", "leaks.ipv6", "path.server",
                         "leftovers.host", "conflicts.overlap", "conflicts.numbers"}) {
    cr_assert_eq(well.result(id), "ok", "%s: %s", id, well.detail(id).c_str());
  }
  lab.ip(ns, "rule add pref 100 lookup main");
  const Asked ill = ask(lab, ns, "client0", "vpn0");
  cr_assert_eq(ill.status, 1, "%s", ill.problems().c_str());
  cr_assert_eq(ill.result("leaks.ipv4"), "problem");
  cr_assert_neq(ill.detail("leaks.ipv4").find("eth0"), std::string::npos);
  cr_assert_eq(ill.result("conflicts.rules"), "problem");
  follow(ns, ill.check("conflicts.rules"));
  const Asked again = ask(lab, ns, "client0", "vpn0");
  cr_assert_eq(again.status, 0, "%s", again.problems().c_str());
  cr_assert_eq(again.result("leaks.ipv4"), "ok");
}

Test(doctor, a_running_server_is_well_until_forwarding_is_turned_off) {
  Lab lab;
  Child server = lab.start_server();
  const Namespace& ns = lab.server();
  const Asked well = ask(lab, ns, "server", "vpns");
  cr_assert_eq(well.status, 0, "%s", well.problems().c_str());
  cr_assert_eq(well.result("forwarding.ipv4"), "ok");
  const Finished off = shell(ns, "sysctl -q -w net/ipv4/conf/eth1/forwarding=0");
  cr_assert_eq(off.status, 0, "%s", off.output.c_str());
  const Asked ill = ask(lab, ns, "server", "vpns");
  cr_assert_eq(ill.result("forwarding.ipv4"), "problem");
  cr_assert_neq(ill.detail("forwarding.ipv4").find("eth1"), std::string::npos);
  follow(ns, ill.check("forwarding.ipv4"));
  cr_assert_eq(ask(lab, ns, "server", "vpns").result("forwarding.ipv4"), "ok");
}

Test(doctor, a_killed_clients_leftovers_are_named_and_the_advice_removes_them) {
  Lab lab;
  const Snapshot before = lab.snapshot(lab.client());
  Child server = lab.start_server();
  {
    Child client = lab.start_client();
    client.signal(SIGKILL);
    client.wait();
  }
  const Finished text = lab.vpnd(lab.client(), "client0", {"doctor"});
  cr_assert_eq(text.status, 1, "%s", text.output.c_str());
  cr_assert_neq(text.output.find("the wall of vpn0"), std::string::npos, "%s", text.output.c_str());
  const Finished json = lab.vpnd(lab.client(), "client0", {"doctor", "--json"});
  const Asked ill{json.status, json.output, Value::parse(json.output)};
  cr_assert_eq(ill.result("leftovers.host"), "problem");
  follow(lab.client(), ill.check("leftovers.host"));
  cr_assert_eq(lab.vpnd(lab.client(), "client0", {"doctor"}).status, 0);
  const Snapshot after = lab.snapshot(lab.client());
  cr_assert(before == after, "%s", before.difference(after).c_str());
}
