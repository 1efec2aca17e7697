// SPDX-License-Identifier: ISC
// What of the seam these systems do not get. Each says so, and what there is instead.

#include "core/host.h"

namespace vpnd::host {

std::optional<plan::LeakReport> check(const std::string&, const Places&) {
  throw Error("leaks cannot be looked for on this system", 0, "no socket of it shows every device",
              Exit::os, "Watch the uplink with tcpdump while the tunnel is up.");
}

Exit demo(const DemoOptions&) {
  throw Error("the demo does not run on this system", 0, "it has no network namespaces", Exit::os,
              "Start a server and a client on two machines.");
}

std::string lock(const plan::ClientConfig&, const Places&) {
  throw Error("there is no kill switch on this system", 0, "only routes lead into the tunnel",
              Exit::os, "Have the packet filter block what does not leave by the tunnel.");
}

Exit serve_resolver(const Places&) {
  throw Error("the resolver service does not exist on this system", 0,
              "it speaks to systemd-resolved", Exit::os,
              "A tunnel that runs as root sets the resolver file itself.");
}

std::vector<std::string> cleanup_after_service(const std::string&, const Places&,
                                               const ServiceEnd&) {
  throw Error("nothing is cleaned up after a service on this system", 0,
              "only systemd tells how one ended", Exit::os,
              "\"vpnd cleanup\" takes back what a killed tunnel left.");
}

}  // namespace vpnd::host
