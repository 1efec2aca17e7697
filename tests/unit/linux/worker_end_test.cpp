// SPDX-License-Identifier: ISC
// The thread of a worker ends.

#include <criterion/criterion.h>
#include <sys/socket.h>

#include <array>

#include "core/plan/keeper_messages.h"
#include "linux/driver.h"

using namespace vpnd;
using namespace vpnd::nl;

namespace {

// The first of two workers, as its keeper and the other worker see it.
struct First {
  Fd keeper;
  KeeperLink link;
  Crew crew{2};
  engine::Engine engine{engine::SessionSettings{}, engine::Room{}, [](MutBytes) {},
                        crew.as_seen_by(0)};
  Driver driver{engine, &link, crew, 0, "key"};

  static std::array<Fd, 2> pair() {
    std::array<int, 2> fds{};
    cr_assert_eq(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds.data()), 0);
    return {Fd(fds[0]), Fd(fds[1])};
  }
  explicit First(std::array<Fd, 2> ends = pair())
      : keeper(std::move(ends[0])), link(std::move(ends[1])) {}

  void other_ends(const std::string& failure) {
    crew.post(1, 0, letter::Ended{failure});
    driver.mail_ready();
  }
  std::optional<plan::ToKeeper> heard() const {
    ByteArray<65536> room;
    const auto n = ::recv(keeper.get(), room.data(), room.size(), 0);
    if (n <= 0) return std::nullopt;
    return plan::decode_to_keeper(Bytes(room).first(static_cast<std::size_t>(n)));
  }
};

}  // namespace

// Nobody would read its queue, nor serve its clients.
Test(worker_end, one_that_fails_ends_the_engine) {
  First first;
  first.other_ends("it broke");
  cr_assert(first.driver.finished());
  const auto heard = first.heard();
  const auto* ended = heard ? std::get_if<engine::Ended>(&*heard) : nullptr;
  cr_assert(ended != nullptr);
  cr_assert_eq(ended->line, "it broke");
  cr_assert(ended->code == Exit::software);
}

Test(worker_end, one_that_is_done_does_not) {
  First first;
  first.other_ends("");
  cr_assert_not(first.driver.finished());
  cr_assert_not(first.heard());
}

// What happens at any worker is told to the keeper by the first.
Test(worker_end, what_happened_before_is_told) {
  First first;
  Event event;
  event.kind = EventKind::rekeyed;
  event.text = "rekeyed";
  set_event_listener([&](const Event& e) { first.link.send(plan::to_keeper::Happened{e}); });
  first.crew.post(1, 0, letter::Happened{event});
  first.other_ends("");
  set_event_listener({});
  const auto heard = first.heard();
  const auto* happened = heard ? std::get_if<plan::to_keeper::Happened>(&*heard) : nullptr;
  cr_assert(happened != nullptr && happened->event.text == "rekeyed");
}
