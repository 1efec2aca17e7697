// SPDX-License-Identifier: ISC
#include "linux/crew.h"

#include <criterion/criterion.h>
#include <poll.h>

#include <thread>

using namespace vpnd;
using namespace vpnd::nl;

namespace {

constexpr int kNoBell = 10'000;  // milliseconds after which a bell is missing

std::string text_of(const std::optional<Letter>& letter) {
  const auto* line = letter ? std::get_if<letter::Line>(&*letter) : nullptr;
  return line == nullptr ? "" : line->text;
}

bool rings(const Crew& crew, std::uint32_t worker, int milliseconds = 0) {
  pollfd p{crew.bell(worker), POLLIN, 0};
  return poll(&p, 1, milliseconds) == 1;
}

// Hears numbers from `due` on, asleep until its bell rings, and posts each plus `step` to the
// other.
bool play(Crew& crew, std::uint32_t self, int due, int last, int step) {
  while (due <= last) {
    if (!rings(crew, self, kNoBell)) return false;
    crew.answer(self);
    while (const auto letter = crew.next_letter(self)) {
      if (text_of(letter) != std::to_string(due)) return false;
      const std::string next = std::to_string(due++ + step);
      crew.post(self, 1 - self, letter::Line{Level::info, next});
    }
  }
  return true;
}

}  // namespace

Test(crew, one_alone_has_no_bell) {
  Crew crew(1);
  cr_assert_eq(crew.bell(0), -1);
  const auto seen = crew.as_seen_by(0);
  cr_assert_eq(seen.count, 1u);
}

Test(crew, a_bell_rings_until_it_is_answered_and_once_for_all_that_came_before) {
  Crew crew(3);
  cr_assert_not(rings(crew, 2));
  crew.post(0, 2, letter::Line{Level::info, "a"});
  crew.post(1, 2, letter::Line{Level::info, "b"});
  crew.post(0, 2, letter::Line{Level::info, "c"});
  cr_assert(rings(crew, 2));
  cr_assert_not(rings(crew, 0) || rings(crew, 1));
  crew.answer(2);
  cr_assert_not(rings(crew, 2));
  cr_assert_eq(text_of(crew.next_letter(2)), "a");
  cr_assert_eq(text_of(crew.next_letter(2)), "c");
  cr_assert_eq(text_of(crew.next_letter(2)), "b");
  cr_assert_not(crew.next_letter(2).has_value());
  crew.ring(2);
  cr_assert(rings(crew, 2));
}

Test(crew, each_sees_the_same_hand_over_from_its_own_side) {
  Crew crew(3);
  const auto first = crew.as_seen_by(0), last = crew.as_seen_by(2);
  cr_assert(first.to[0] == nullptr && first.from[0] == nullptr);
  cr_assert(first.to[2] == last.from[0] && first.from[2] == last.to[0]);
  cr_assert(first.to[2] != first.from[2]);
}

Test(crew, two_threads_that_sleep_miss_no_letter) {
  constexpr int kLast = 20'000;
  Crew crew(2);
  bool second = false;
  crew.post(1, 0, letter::Line{Level::info, "0"});
  std::thread other([&] { second = play(crew, 1, 1, kLast, 0); });
  const bool first = play(crew, 0, 0, kLast - 1, 1);
  other.join();
  cr_assert(first && second);
}
