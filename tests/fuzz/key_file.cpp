// SPDX-License-Identifier: ISC
// Any file is a key or an Error for the user; a line that parses is written the same again.
#include "core/wire/keys.h"
#include "tests/fuzz/fuzz.h"

using namespace vpnd;
using namespace vpnd::fuzz;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Buffer content(data, data + size);
  try {
    const wire::KeyFile key = wire::parse_key_file(content, "key");
    const auto* client = std::get_if<wire::ClientKey>(&key);
    const auto* server = std::get_if<wire::ServerKey>(&key);
    std::string line;
    if (client != nullptr) line = wire::client_line(*client);
    if (server != nullptr) line = wire::server_line(*server);
    must(line.size() <= size && std::equal(line.begin(), line.end(), data));
    must(!wire::fingerprint(key).empty());
  } catch (const Error& e) {
    must(e.code() == Exit::config && !e.remedy().empty());
  }
  must(std::ranges::all_of(content, [](std::uint8_t b) { return b == 0; }));  // wiped
  return 0;
}
