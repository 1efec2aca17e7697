// SPDX-License-Identifier: ISC
#include "core/base/mailbox.h"

#include <criterion/criterion.h>

#include <memory>
#include <thread>

using namespace vpnd;

Test(mailbox, gives_in_order_what_was_put_in) {
  Mailbox<std::unique_ptr<int>> box;
  cr_assert(!box.pop());
  for (int i = 0; i < 3; ++i) box.push(std::make_unique<int>(i));
  for (int i = 0; i < 3; ++i) cr_assert_eq(**box.pop(), i);
  cr_assert(!box.pop());
  box.push(std::make_unique<int>(7));  // what is never fetched goes with it
}

Test(mailbox, between_two_threads_nothing_is_lost_or_turned_round) {
  constexpr int kMany = 200'000;
  Mailbox<std::unique_ptr<int>> box;
  std::thread writer([&] {
    for (int i = 0; i < kMany; ++i) box.push(std::make_unique<int>(i));
  });
  int next = 0;
  bool in_order = true;
  while (next < kMany && in_order) {
    if (const auto got = box.pop()) in_order = **got == next++;
  }
  writer.join();
  cr_assert(in_order);
  cr_assert(!box.pop());
}
