// SPDX-License-Identifier: ISC
// What the workers of a server say to each other.

#include <algorithm>

#include "core/base/event.h"
#include "linux/driver.h"

namespace vpnd::nl {

using Stage = Carrier::Stage;

void Driver::mail_ready() {
  crew_.answer(worker_);
  while (auto letter = crew_.next_letter(worker_)) {
    std::visit([this](auto& l) { on(std::move(l)); }, *letter);
  }
  engine_.take_handed(now_);
}

void Driver::post() {
  for (engine::Post& p : engine_.take_post()) crew_.post(worker_, p.to, std::move(p.mail));
}

void Driver::ring_for_packets() noexcept {
  const std::uint32_t whom = engine_.handed_to();
  for (std::uint32_t i = 0; whom >> i != 0; ++i) {
    if ((whom >> i & 1) != 0) crew_.ring(i);
  }
}

// ---- sessions that move

void Driver::on(const engine::Move& m) {
  Carrier* c = carriers_.find(m.conn);
  if (c == nullptr || c->stage != Stage::open) return;
  c->stage = Stage::moving;
  c->move_to = m.worker;
  touch(*c);
}

void Driver::move(Carrier& c) {
  auto session = engine_.take(c.conn);
  if (!session) return close(c);
  // First what was said to that worker before, and to the others of where it is from now on.
  post();
  crew_.post(
      worker_, c.move_to,
      letter::Session{std::move(*session), std::move(c.fd), std::move(c.buffer), c.begin, c.end});
  carriers_.forget(c);
  carriers_.remove(c);
}

void Driver::on(letter::Session&& l) {
  const engine::ConnId id = engine_.adopt(std::move(l.session), now_);
  Carrier& c = carriers_.add(std::move(l.fd), id, Stage::open);
  c.buffer = std::move(l.unread);
  c.begin = l.begin;
  c.end = l.end;
  if (c.begin < c.end) feed(c, 0);
  settle(c, false);
}

// ---- the rest

void Driver::on(engine::Mail&& mail) {
  engine_.deliver(mail, now_);
}

void Driver::on(letter::Queue&& l) {
  tun_ = std::move(l.fd);
}

void Driver::on(letter::ReportPlease&&) {
  crew_.post(worker_, 0, letter::ReportPart{engine_.report(now_), lowered_});
}

void Driver::on(letter::ReportPart&& part) {
  engine::add(report_.report, std::move(part.report));
  if (report_.congestion.empty()) report_.congestion = std::move(part.congestion);
  if (--report_parts_missing_ == 0) send_report();
}

void Driver::on(letter::Line&& line) {
  log_line(line.level, line.text);
}

void Driver::on(letter::Happened&& l) {
  emit(l.event);
}

void Driver::on(letter::Stop&&) {
  stop();
}

void Driver::on(letter::Quit&&) {
  finished_ = true;
}

void Driver::on(letter::Ended&& ended) {
  ++workers_ended_;
  if (ended.failure.empty() || finished_) return;
  on(engine::Ended{Exit::software, ended.failure, "This is a fault of vpnd; report it."});
}

}  // namespace vpnd::nl
