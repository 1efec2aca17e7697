// SPDX-License-Identifier: ISC
#pragma once

// The smallest configuration files, and what is said of others.

#include <criterion/criterion.h>

#include <string>

#include "core/base/error.h"
#include "core/plan/config.h"

namespace vpnd::test {

// The complaint, or "" when there was none.
inline std::string complaint(const std::string& text, const std::string& file = "home.toml") {
  try {
    plan::config_from_toml(text, file);
  } catch (const Error& e) {
    cr_assert_eq(static_cast<int>(e.code()), static_cast<int>(Exit::config));
    return e.what();
  }
  return {};
}

inline const std::string kClient =
    "mode = \"client\"\n"
    "identity.key = \"k\"\n"
    "peer = [{endpoint = \"h:1\"}]\n";
inline const std::string kServer =
    "mode = \"server\"\n"
    "identity.key = \"k\"\n";

inline plan::ClientConfig client(const std::string& more) {
  return std::get<plan::ClientConfig>(plan::config_from_toml(kClient + more, "home.toml"));
}
inline plan::ServerConfig server(const std::string& more) {
  return std::get<plan::ServerConfig>(plan::config_from_toml(kServer + more, "home.toml"));
}

inline void expect(const std::string& text, const std::string& want) {
  const std::string got = complaint(text);
  cr_assert(got.starts_with(want), "wanted: %s\n   got: %s", want.c_str(), got.c_str());
}

}  // namespace vpnd::test
