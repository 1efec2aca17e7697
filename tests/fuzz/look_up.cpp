// SPDX-License-Identifier: ISC
// An answer of a resolver, or of whoever speaks in its name.
#include "core/wire/look_up.h"

#include "tests/fuzz/fuzz.h"

using namespace vpnd;
using namespace vpnd::fuzz;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in{{data, size}};
  wire::Question q;
  q.name = wire::DnsName::parse("vpn.example").value();
  q.type = (in.byte() & 1) != 0 ? wire::DnsType::aaaa : wire::DnsType::a;
  // As raw bytes, and behind a head that is the answer to our question.
  const bool with_head = (in.byte() & 1) != 0;
  Buffer message;
  if (with_head) {
    message = wire::encode(q);
    message[2] = 0x80;
    message[3] = in.byte();
    message[7] = in.byte();
  }
  message.insert(message.end(), in.rest.begin(), in.rest.end());
  const wire::Answer a = wire::read_answer(message, q);
  must(a.count <= wire::kMostLookedUp);
  must((a.kind == wire::Answer::Kind::found) == (a.count > 0));
  for (const Address& found : a.found()) {
    must(found.is_v4() == (q.type == wire::DnsType::a));
    must(wire::may_be_server(found));
  }
  std::size_t at = 0;
  while (at < message.size()) {
    const std::size_t before = at;
    const auto name = wire::DnsName::read(message, at);
    if (!name) break;
    must(at > before && at <= message.size());
    must(name->bytes().size() <= wire::DnsName::kMost && name->bytes().back() == 0);
  }
  return 0;
}
