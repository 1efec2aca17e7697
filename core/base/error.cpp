// SPDX-License-Identifier: ISC
#include "core/base/error.h"

#include <fmt/format.h>

#include <system_error>

namespace vpnd {
namespace {

std::string compose(const std::string& doing, int errnum, const std::string& detail) {
  if (errnum == 0) return detail.empty() ? doing : fmt::format("{}: {}", doing, detail);
  const std::string reason = std::generic_category().message(errnum);
  if (detail.empty()) return fmt::format("cannot {}: {}", doing, reason);
  return fmt::format("cannot {}: {} ({})", doing, reason, detail);
}

}  // namespace

Error::Error(std::string doing, int errnum, std::string detail, Exit code, std::string remedy)
    : doing_(std::move(doing)),
      remedy_(std::move(remedy)),
      line_(compose(doing_, errnum, detail)),
      errnum_(errnum),
      code_(code) {}

Error usage_error(std::string line, std::string remedy) {
  return Error(std::move(line), 0, {}, Exit::usage, std::move(remedy));
}

Error config_error(std::string line, std::string remedy) {
  return Error(std::move(line), 0, {}, Exit::config, std::move(remedy));
}

Error not_running_error(const std::string& name) {
  return Error(name.empty() ? "no tunnel runs" : fmt::format("no tunnel \"{}\" runs", name), 0, {},
               Exit::not_running);
}

}  // namespace vpnd
