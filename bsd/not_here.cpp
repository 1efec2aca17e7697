// SPDX-License-Identifier: ISC
// What of the seam these systems do not get. Each says so, and what there is instead.

#include "core/host.h"

namespace vpnd::host {

std::optional<plan::LeakReport> check(const std::string&, const Places&) {
  throw Error("look for leaks on this system", 0, "only Linux's sockets tell where a packet leaves",
              Exit::os, "Watch the uplink with tcpdump while the tunnel is up.");
}

Exit demo(const DemoOptions&) {
  throw Error("show a tunnel on one machine", 0, "this system has no network namespaces", Exit::os,
              "Start a server and a client on two machines.");
}

std::string lock(const plan::ClientConfig&, const Places&) {
  throw Error("put up a wall on this system", 0, "it has no kill switch of ours", Exit::os,
              "Have the packet filter block what does not leave by the tunnel.");
}

Exit serve_resolver(const Places&) {
  throw Error("serve others' resolvers", 0, "it is done for systemd-resolved only", Exit::os,
              "A tunnel that runs as root sets the resolver file itself.");
}

std::vector<std::string> cleanup_after_service(const std::string&, const Places&,
                                               const ServiceEnd&) {
  throw Error("clean up after a service", 0, "it is done for systemd only", Exit::os,
              "\"vpnd cleanup\" takes back what a killed tunnel left.");
}

}  // namespace vpnd::host
