// SPDX-License-Identifier: ISC
#include "core/wire/look_up.h"

#include <criterion/criterion.h>

#include <algorithm>

using namespace vpnd;
using namespace vpnd::wire;
using Kind = Answer::Kind;

namespace {

using Message = std::vector<std::uint8_t>;

DnsName name(const char* text) {
  return DnsName::parse(text).value();
}

Question question(DnsType type = DnsType::a) {
  return {name("vpn.example"), type, 0x1234};
}

// A response to `q`, without records.
Message response(const Question& q, std::uint8_t code = 0) {
  Message m = encode(q);
  m[2] = 0x81;
  m[3] = static_cast<std::uint8_t>(0x80 | code);
  return m;
}

// Owner and data are given as they are sent.
void add(Message& m, const Message& owner, std::uint8_t type, const Message& data,
         std::uint8_t kind = 1) {
  m.insert(m.end(), owner.begin(), owner.end());
  const Message head{0, type, 0, kind, 0, 0, 0, 60, 0, static_cast<std::uint8_t>(data.size())};
  m.insert(m.end(), head.begin(), head.end());
  m.insert(m.end(), data.begin(), data.end());
  ++m[7];
}

Message sent(const DnsName& n) {
  return {n.bytes().begin(), n.bytes().end()};
}

const Message kOwner{0xc0, 12};  // the question's name
const Message kFour{203, 0, 113, 9};

Answer read(const Message& m, const Question& q = question()) {
  return read_answer(m, q);
}

}  // namespace

Test(look_up, names_as_they_are_sent) {
  const Message wanted{3, 'v', 'p', 'n', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0};
  cr_assert(sent(name("VPN.Example.")) == wanted);
  cr_assert_eq(name("VPN.Example.").text(), "vpn.example");
  for (const char* bad : {"", ".", "a..b", ".a", "a b", "a\xc3\xa4", "a/b"}) {
    cr_assert_not(DnsName::parse(bad).has_value(), "%s", bad);
  }
  const std::string label(63, 'x');
  cr_assert(DnsName::parse(label).has_value());
  cr_assert_not(DnsName::parse(label + "x").has_value());
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'y');
  cr_assert_eq(DnsName::parse(longest).value().bytes().size(), 255u);
  cr_assert_not(DnsName::parse(longest + "y").has_value());
}

Test(look_up, the_question) {
  const Message q = encode(question(DnsType::aaaa));
  const Message head{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  cr_assert(std::equal(head.begin(), head.end(), q.begin()));
  cr_assert_eq(q.size(), 12u + 13u + 4u);
  cr_assert_eq(q[q.size() - 3], 28);
}

Test(look_up, addresses_of_both_families) {
  Message m = response(question());
  add(m, kOwner, 1, kFour);
  add(m, sent(name("vpn.EXAMPLE")), 1, {203, 0, 113, 10});
  add(m, kOwner, 1, kFour);
  const Answer a = read(m);
  cr_assert(a.kind == Kind::found && !a.truncated);
  cr_assert_eq(a.count, 2u, "each once");
  cr_assert(a.addresses[1] == Address::v4(203, 0, 113, 10));
  const Question six = question(DnsType::aaaa);
  m = response(six);
  add(m, kOwner, 28, {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5});
  cr_assert(read(m, six).addresses[0] == Address::parse("2001:db8::5").value());
}

Test(look_up, what_is_no_answer_to_the_question) {
  Message m = response(question());
  add(m, kOwner, 1, kFour);
  const auto changed = [&m](std::size_t at, std::uint8_t to) {
    Message other = m;
    other[at] = to;
    return read(other).kind;
  };
  cr_assert(read(m).kind == Kind::found);
  cr_assert(changed(1, 0x35) == Kind::foreign, "another id");
  cr_assert(changed(2, 0x01) == Kind::foreign, "a question");
  cr_assert(changed(2, 0x89) == Kind::foreign, "another operation");
  cr_assert(changed(5, 0) == Kind::foreign, "without a question");
  cr_assert(changed(5, 2) == Kind::foreign, "with two");
  cr_assert(changed(13, 'w') == Kind::foreign, "of another name");
  cr_assert(changed(13, 'V') == Kind::foreign, "not as it was asked");
  cr_assert(changed(26, 28) == Kind::foreign, "of another type");
  cr_assert(changed(28, 3) == Kind::foreign, "of another class");
  for (std::size_t n = 0; n < 29; ++n) {
    cr_assert(read_answer(Bytes(m).first(n), question()).kind == Kind::foreign);
  }
  m.resize(kMostAnswerBytes + 1);
  cr_assert(read(m).kind == Kind::foreign, "longer than any");
}

Test(look_up, codes_are_told_apart) {
  cr_assert(read(response(question())).kind == Kind::no_address);
  cr_assert(read(response(question(), 3)).kind == Kind::no_such_name);
  for (const auto code : std::to_array<std::uint8_t>({1, 2, 4, 5, 15})) {
    Message m = response(question(), code);
    add(m, kOwner, 1, kFour);
    cr_assert(read(m).kind == Kind::refused, "%u", code);
    cr_assert_eq(read(m).count, 0u);
  }
}

Test(look_up, records_of_others_are_passed_over) {
  Message m = response(question());
  add(m, sent(name("evil.example")), 1, {203, 0, 113, 66});
  add(m, sent(name("example")), 1, {203, 0, 113, 67});
  add(m, kOwner, 1, {203, 0, 113, 68}, 3);
  add(m, kOwner, 28, {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5});
  add(m, kOwner, 1, {1, 2, 3});
  cr_assert(read(m).kind == Kind::no_address);
  add(m, kOwner, 1, kFour);
  cr_assert_eq(read(m).count, 1u);
}

Test(look_up, addresses_that_no_server_has_are_left_out) {
  Message m = response(question());
  for (const Message& bad : {Message{0, 0, 0, 0}, Message{127, 0, 0, 1}, Message{224, 0, 0, 1},
                             Message{255, 255, 255, 255}, Message{169, 254, 169, 254}}) {
    add(m, kOwner, 1, bad);
  }
  cr_assert(read(m).kind == Kind::no_address);
  for (const char* bad : {"::", "::1", "::ffff:203.0.113.1", "fe80::1", "ff02::1"}) {
    cr_assert_not(may_be_server(Address::parse(bad).value()), "%s", bad);
  }
  for (const char* good : {"10.0.0.1", "203.0.113.1", "2001:db8::1", "fd00::1"}) {
    cr_assert(may_be_server(Address::parse(good).value()), "%s", good);
  }
}

Test(look_up, aliases_are_followed_whatever_their_order) {
  Message m = response(question());
  add(m, sent(name("c.example")), 1, kFour);
  add(m, sent(name("b.example")), 5, sent(name("c.example")));
  add(m, kOwner, 5, sent(name("b.example")));
  cr_assert(read(m).kind == Kind::found);
  // To somebody of whom the answer says nothing.
  m = response(question());
  add(m, kOwner, 5, sent(name("b.example")));
  cr_assert(read(m).kind == Kind::no_address);
  // In a ring.
  add(m, sent(name("b.example")), 5, kOwner);
  cr_assert(read(m).kind == Kind::refused);
}

Test(look_up, a_long_row_of_aliases_ends) {
  Message m = response(question());
  std::string from = "vpn.example";
  for (int i = 0; i < 20; ++i) {
    const std::string to = "h" + std::to_string(i) + ".example";
    add(m, sent(name(from.c_str())), 5, sent(name(to.c_str())));
    from = to;
  }
  add(m, sent(name(from.c_str())), 1, kFour);
  cr_assert(read(m).kind == Kind::refused);
}

Test(look_up, pointers_lead_backwards_only) {
  const auto one = [](const Message& owner) {
    Message m = response(question());
    add(m, owner, 1, kFour);
    return read(m).kind;
  };
  cr_assert(one({0xc0, 12}) == Kind::found);
  cr_assert(one({0xc0, 29}) == Kind::refused, "to itself");
  cr_assert(one({0xc0, 31}) == Kind::refused, "forwards");
  cr_assert(one({0xff, 0xff}) == Kind::refused, "out of the message");
  cr_assert(one({3, 'v', 'p', 'n', 0xc0, 29}) == Kind::refused, "to its own beginning");
  cr_assert(one({3, 'v', 'p', 'n', 0xc0, 16}) == Kind::found, "to a part of an earlier name");
  cr_assert(one({0x40, 'v'}) == Kind::refused, "a label of an unknown kind");
  // Two that lead to each other.
  const Message ring{0xc0, 2, 0xc0, 0};
  std::size_t at = 2;
  cr_assert_not(DnsName::read(ring, at).has_value());
}

Test(look_up, a_name_does_not_grow_by_pointers) {
  // Each part is 64 bytes long and ends in a pointer to the one before.
  Message m;
  for (int i = 0; i < 8; ++i) {
    m.push_back(63);
    m.insert(m.end(), 63, 'x');
    const int before = 66 * (i - 1);
    if (i == 0) {
      m.insert(m.end(), {0, 0});
    } else {
      m.push_back(static_cast<std::uint8_t>(0xc0 | before >> 8));
      m.push_back(static_cast<std::uint8_t>(before));
    }
  }
  std::size_t at = 66 * 2;
  cr_assert(DnsName::read(m, at).has_value());
  cr_assert_eq(at, 66u * 3);
  at = 66 * 3;
  cr_assert_not(DnsName::read(m, at).has_value(), "256 bytes and more");
}

Test(look_up, cut_anywhere_and_with_false_counts) {
  Message m = response(question());
  add(m, kOwner, 5, sent(name("b.example")));
  add(m, sent(name("b.example")), 1, kFour);
  for (std::size_t n = 29; n < m.size(); ++n) {
    const Answer a = read_answer(Bytes(m).first(n), question());
    cr_assert(a.kind == Kind::refused, "%zu", n);
  }
  m[6] = m[7] = 0xff;
  cr_assert(read(m).kind == Kind::found, "records that are not there");
}

Test(look_up, what_was_cut_off_is_said_and_the_rest_is_taken) {
  Message m = response(question());
  m[2] |= 2;
  cr_assert(read(m).kind == Kind::refused && read(m).truncated);
  add(m, kOwner, 1, kFour);
  cr_assert(read(m).kind == Kind::found && read(m).truncated);
}

Test(look_up, no_more_addresses_than_there_is_room_for) {
  Message m = response(question());
  for (int i = 1; i <= 40; ++i) add(m, kOwner, 1, {203, 0, 113, static_cast<std::uint8_t>(i)});
  cr_assert_eq(read(m).count, kMostLookedUp);
  cr_assert(read(m).kind == Kind::found);
}
