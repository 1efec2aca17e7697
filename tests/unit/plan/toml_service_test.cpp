// SPDX-License-Identifier: ISC
// What a configuration says to a service manager, and to the journal.

#include <criterion/criterion.h>
#include <fmt/format.h>

#include "core/base/error.h"
#include "core/plan/config.h"

using namespace vpnd;
using namespace vpnd::plan;

namespace {

const char* const kFile = "/etc/vpnd/home.toml";

std::string text(const std::string& key, const std::string& more = "") {
  return fmt::format(
      "mode = \"client\"\n[identity]\nkey = {}\n[[peer]]\nendpoint = [\"192.0.2.1:443\"]\n{}", key,
      more);
}

ClientConfig client(const std::string& from) {
  return std::get<ClientConfig>(config_from_toml(from, kFile));
}

std::string complaint(const std::string& from) {
  try {
    (void)config_from_toml(from, kFile);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

Test(toml_service, a_credential_names_the_key_that_is_loaded_as_such) {
  const ClientConfig c = client(text("{ credential = \"key\" }"));
  cr_assert_eq(c.credential, "key");
  cr_assert_eq(c.key, "/etc/vpnd/home.key", "%s", c.key.c_str());
  cr_assert(std::get<ClientConfig>(config_from_toml(effective(c), kFile)) == c);
  const ClientConfig plain = client(text("\"other.key\""));
  cr_assert(plain.credential.empty());
  cr_assert_eq(plain.key, "/etc/vpnd/other.key");
}

Test(toml_service, nothing_else_is_a_credential) {
  for (const char* key :
       {"{}", "{ credential = \"\" }", "{ credential = \"../x\" }", "{ credential = \".x\" }",
        "{ credential = 1 }", "{ file = \"x\" }", "{ credential = \"key\", file = \"x\" }", "7"}) {
    const std::string said = complaint(text(key));
    cr_assert(said.starts_with("/etc/vpnd/home.toml:3:"), "%s: \"%s\"", key, said.c_str());
  }
}

Test(toml_service, the_log_has_two_forms) {
  cr_assert(client(text("\"k\"")).log_format == LogFormat::text);
  const ClientConfig c = client(text("\"k\"", "[log]\nformat = \"json\"\n"));
  cr_assert(c.log_format == LogFormat::json);
  cr_assert(std::get<ClientConfig>(config_from_toml(effective(c), kFile)) == c);
  const std::string said = complaint(text("\"k\"", "[log]\nformat = \"jsno\"\n"));
  cr_assert(said.find("did you mean \"json\"") != std::string::npos, "%s", said.c_str());
}
