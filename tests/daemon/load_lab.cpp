// SPDX-License-Identifier: ISC
#include "tests/daemon/load_lab.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>

#include "core/base/error.h"

namespace vpnd::test {
namespace {

constexpr const char* kLoad = VPND_BUILD_DIR "/tests/load/load";
constexpr int kFarEndPort = 7000;
// So that nobody is kept out for want of an address.
constexpr const char* kPool = "pool = \"10.88.0.0/20\"";

void allow_many_descriptors() {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

// The server inherits the limit.
Child started_server(Lab& lab, const std::string& interface) {
  allow_many_descriptors();
  return lab.run_server(kPool, interface);
}

}  // namespace

LoadLab::LoadLab(const std::string& interface)
    : server_(started_server(lab_, interface)),
      far_end_({kLoad, "far-end", std::to_string(kFarEndPort)}, lab_.target().fd()) {
  // Every address of the network is the client host's own, without being given to a device.
  lab_.ip(lab_.client(), "route add local 10.72.0.0/24 dev lo");
  lab_.ip(lab_.router(), "route add 10.72.0.0/24 via 10.71.1.2");
  if (!far_end_.says("ready")) throw Error("start the far end: " + far_end_.output(), 0);
}

Value LoadLab::run(const std::string& name, const std::vector<std::string>& words, int sources,
                   double seconds) {
  std::vector<std::string> all = {kLoad,
                                  name,
                                  "key=" + lab_.key(),
                                  fmt::format("server={}:443", Lab::kServer),
                                  fmt::format("far_end={}:{}", Lab::kTarget4, kFarEndPort),
                                  "source=10.72.0.1",
                                  fmt::format("sources={}", sources)};
  all.insert(all.end(), words.begin(), words.end());
  Child load(all, lab_.client().fd());
  const int status = load.wait(seconds);
  const std::string said = load.output();
  if (status != 0) throw Error(fmt::format("load {} ended with {}: {}", name, status, said), 0);
  std::fprintf(stderr, "load %s %s", name.c_str(), said.c_str());
  return Value::parse(said);
}

pid_t LoadLab::engine() const {
  const auto below = Lab::children(server_.pid());
  if (below.empty()) throw Error("the server has no engine", 0);
  return below.front();
}

std::vector<double> numbers(const Value& list) {
  std::vector<double> out;
  for (const Value& v : list) out.push_back(v.number<double>());
  return out;
}

double median(std::vector<double> all) {
  std::ranges::sort(all);
  return all.at(all.size() / 2);
}

}  // namespace vpnd::test
