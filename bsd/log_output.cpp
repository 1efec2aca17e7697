// SPDX-License-Identifier: ISC
#include "bsd/log_output.h"

#include <fmt/format.h>
#include <unistd.h>

#include "bsd/clocks.h"
#include "core/plan/log_json.h"

namespace vpnd::bsd {
namespace {

LogOutput* g_output = nullptr;  // a log sink is a plain function

// One write a line, so that lines of several processes do not mix.
void to_stderr(const std::string& text) noexcept {
  if (::write(STDERR_FILENO, text.data(), text.size()) < 0) return;
}

}  // namespace

LogOutput::LogOutput(Level most_verbose, plan::LogFormat format) : format_(format) {
  g_output = this;
  set_log(line, most_verbose);
  set_event_sink(event);
}

LogOutput::~LogOutput() {
  set_event_sink(nullptr);
  set_log(nullptr, Level::info);
  g_output = nullptr;
}

void LogOutput::line(Level level, std::string_view text) {
  if (g_output != nullptr) g_output->write(level, text, nullptr);
}

void LogOutput::event(const Event& e) {
  if (g_output != nullptr) g_output->write(e.level, e.text, &e);
}

void LogOutput::write(Level level, std::string_view text, const Event* event) const {
  to_stderr(format_ == plan::LogFormat::json
                ? plan::log_json(read_clocks().wall, level, text, tunnel_, event)
                : fmt::format("vpnd[{}]: {}\n", ::getpid(), text));
}

}  // namespace vpnd::bsd
