// SPDX-License-Identifier: ISC
#include "linux/log_output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <ctime>

#include "core/plan/log_json.h"

namespace vpnd::nl {
namespace {

LogOutput* g_output = nullptr;  // a log sink is a plain function

// Never changed: programs look for them.
constexpr std::array<std::string_view, kEventKinds> kMessageIds{
    "c8ca7298c4c84c3a87138d1b064f8fe4",  // resolving
    "f951bab298164076bccb0b0b7e55fdd1",  // trying
    "ddef4420a660491b91160226ba4dcd55",  // handshake
    "163bda2b339c465c803592a42ccff96f",  // applied
    "6c14ea52a8c74f5ab5ee59208d69538a",  // connected
    "79f06f47b37a4d65a7fa688390979e87",  // lost
    "d0e1c454043b4023a95e9314de0be9e6",  // blocked
    "614dd7f330f84836b139c038820d7b95",  // reverted
    "34f3935160884925bf6a9a930768115d",  // rekeyed
    "e9b43ad4394f47059ae31fcd0bf16a43",  // roamed
    "a976383e27384932b2839542f57a1687",  // repaired
};

// syslog(3)
constexpr int priority(Level level) noexcept {
  return static_cast<int>(level) + 3;
}

// One write a line, so that lines of several processes do not mix.
void to_stderr(const std::string& text) noexcept {
  if (::write(STDERR_FILENO, text.data(), text.size()) < 0) return;
}

WallMs wall_clock() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<WallMs>(now.tv_sec) * 1000 + static_cast<WallMs>(now.tv_nsec) / 1'000'000;
}

}  // namespace

std::string_view message_id(EventKind kind) noexcept {
  return kMessageIds[static_cast<std::size_t>(kind)];
}

std::string level_prefix(Level level) {
  return stderr_is_journal() ? fmt::format("<{}>", priority(level)) : std::string();
}

LogOutput::LogOutput(Level most_verbose, plan::LogFormat format, std::string journal)
    : format_(format), stream_is_journal_(stderr_is_journal()) {
  if (stream_is_journal_ && format == plan::LogFormat::text) journal_.emplace(std::move(journal));
  g_output = this;
  set_log(line, most_verbose);
  set_event_sink(event);
}

LogOutput::~LogOutput() {
  set_event_sink(nullptr);
  set_log(nullptr, Level::info);
  g_output = nullptr;
}

void LogOutput::set_tunnel(std::string name) {
  tunnel_ = std::move(name);
}

void LogOutput::line(Level level, std::string_view text) {
  if (g_output != nullptr) g_output->write(level, text, nullptr);
}

void LogOutput::event(const Event& e) {
  if (g_output != nullptr) g_output->write(e.level, e.text, &e);
}

bool LogOutput::to_journal(Level level, std::string_view text, const Event* event) const {
  const std::string message =
      tunnel_.empty() ? std::string(text) : fmt::format("{}: {}", tunnel_, text);
  const std::string number = std::to_string(priority(level));
  const std::string errnum =
      event != nullptr && event->errnum != 0 ? std::to_string(event->errnum) : std::string();
  const std::array<JournalField, 9> fields{{
      {"MESSAGE", message},
      {"PRIORITY", number},
      {"SYSLOG_IDENTIFIER", "vpnd"},
      {"VPND_TUNNEL", tunnel_},
      {"MESSAGE_ID", event != nullptr ? message_id(event->kind) : std::string_view()},
      {"VPND_EVENT", event != nullptr ? name(event->kind) : std::string_view()},
      {"VPND_PEER", event != nullptr ? std::string_view(event->peer) : std::string_view()},
      {"VPND_ENDPOINT", event != nullptr ? std::string_view(event->endpoint) : std::string_view()},
      {"ERRNO", errnum},
  }};
  return journal_->send(fields);
}

void LogOutput::write(Level level, std::string_view text, const Event* event) const {
  if (format_ == plan::LogFormat::json) {
    return to_stderr(plan::log_json(wall_clock(), level, text, tunnel_, event));
  }
  if (journal_ && to_journal(level, text, event)) return;
  if (stream_is_journal_) return to_stderr(fmt::format("<{}>{}\n", priority(level), text));
  to_stderr(fmt::format("vpnd[{}]: {}\n", ::getpid(), text));
}

}  // namespace vpnd::nl
