// SPDX-License-Identifier: ISC

// Throughput and round trips over time, on one time axis, with what was done to the tunnel.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "linux/demo_markup.h"
#include "linux/demo_report.h"

namespace vpnd::demo {
namespace {

constexpr double kWidth = 960, kBottom = 404;
constexpr double kLeft = 84, kRight = 944;
struct Panel {
  double top, bottom;
};
constexpr double kLane = 20, kLanesBottom = -8;  // of the marks' labels
constexpr std::size_t kLanes = 4;
constexpr Panel kThroughput = {20, 206}, kEchoes = {256, 356};
constexpr double kLetter = 7.5;                      // about, of a label
constexpr double kLeastTrip = 0.1, kMostTrip = 1e4;  // milliseconds, on a logarithmic axis
constexpr double kLostRow = kEchoes.top - 18;        // of questions without an answer

double seconds(microseconds t) {
  return static_cast<double>(t.count()) / 1e6;
}

double rate_of(const Slice& s) {
  return s.length.count() > 0 ? 8.0 * static_cast<double>(s.bytes) / seconds(s.length) : 0;
}

// 1, 2 or 5 times a power of ten, such that at most five of them are needed.
double step_for(double most) {
  const double decade = std::pow(10, std::floor(std::log10(most / 5)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (most / (factor * decade) <= 5) return factor * decade;
  }
  return 10 * decade;
}

struct Scale {
  Panel panel;
  double most;
  double at(double value) const {
    return panel.bottom - (panel.bottom - panel.top) * std::clamp(value / most, 0.0, 1.0);
  }
};

double trip_at(microseconds took) {
  const double ms = std::clamp(static_cast<double>(took.count()) / 1000, kLeastTrip, kMostTrip);
  const double part = std::log10(ms / kLeastTrip) / std::log10(kMostTrip / kLeastTrip);
  return kEchoes.bottom - (kEchoes.bottom - kEchoes.top) * part;
}

std::string text(double x, double y, const char* anchor, const char* style,
                 const std::string& words) {
  return fmt::format(R"(<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>)"
                     "\n",
                     style, x, y, anchor, escape(words));
}

std::string line(const char* style, double x1, double y1, double x2, double y2) {
  return fmt::format(R"(<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>)"
                     "\n",
                     style, x1, y1, x2, y2);
}

// ---- axes

std::string axes(const TimeAxis& axis, const Scale& scale) {
  std::string out;
  const double step = step_for(scale.most);
  const bool giga = scale.most >= 1e9;
  for (int i = 0; i * step <= scale.most * 1.001; ++i) {
    const double y = scale.at(i * step);
    out += line(i == 0 ? "axis" : "grid", axis.left, y, axis.right, y);
    out += text(axis.left - 8, y + 4, "end", "small",
                fmt::format("{:.3g}", i * step / (giga ? 1e9 : 1e6)));
  }
  out += text(axis.left - 8, kThroughput.top - 14, "end", "small", giga ? "Gbit/s" : "Mbit/s");
  out += text(axis.left - 8, kLostRow - 12, "end", "small", "round trip");
  for (const auto& [value, words] :
       {std::pair(100, "0.1 ms"), std::pair(1000, "1 ms"), std::pair(10'000, "10 ms"),
        std::pair(100'000, "100 ms"), std::pair(1'000'000, "1 s"), std::pair(10'000'000, "10 s")}) {
    const double y = trip_at(microseconds(value));
    out += line(value == 100 ? "axis" : "grid", axis.left, y, axis.right, y);
    out += text(axis.left - 8, y + 4, "end", "small", words);
  }
  const double length = seconds(axis.length);
  for (int second = 0; second <= length; ++second) {
    const double x = axis.at(std::chrono::seconds(second));
    for (const Panel& panel : {kThroughput, kEchoes}) {
      out += line("axis", x, panel.bottom, x, panel.bottom + 5);
    }
    out += text(x, kEchoes.bottom + 20, "middle", "small", fmt::format("{}", second));
  }
  out += text((axis.left + axis.right) / 2, kEchoes.bottom + 40, "middle", "small",
              "seconds since the download began");
  return out;
}

// ---- what was measured

std::string curve(const std::vector<Slice>& slices, const TimeAxis& axis, const Scale& scale) {
  if (slices.empty()) return {};
  std::string points;
  for (const Slice& s : slices) {
    points += fmt::format("{}{:.1f},{:.1f}", points.empty() ? "" : " ",
                          axis.at(s.end - s.length / 2), scale.at(rate_of(s)));
  }
  const auto middle = [&](const Slice& s) { return axis.at(s.end - s.length / 2); };
  return fmt::format(R"(<polygon class="area" points="{0:.1f},{2:.1f} {3} {1:.1f},{2:.1f}"/>)"
                     "\n"
                     R"(<polyline class="curve" points="{3}"/>)"
                     "\n",
                     middle(slices.front()), middle(slices.back()), kThroughput.bottom, points);
}

std::string trips(const std::vector<Echo>& echoes, const TimeAxis& axis) {
  std::string out;
  for (const Echo& echo : echoes) {
    const double x = axis.at(echo.sent);
    out += echo.took ? fmt::format(R"(<circle class="echo" cx="{:.1f}" cy="{:.1f}" r="2.2"/>)"
                                   "\n",
                                   x, trip_at(*echo.took))
                     : line("lost", x, kLostRow - 5, x, kLostRow + 5);
  }
  return out;
}

// ---- what was done

struct Mark {
  const char* id;
  const char* words;
  std::optional<microseconds> when;
};

std::array<Mark, 4> marks_of(const Moments& m) {
  return {{{"unplugged", "uplink pulled", m.unplugged},
           {"plugged", "uplink back", m.plugged},
           {"killed", "client killed", m.killed},
           {"started-again", "started again", m.started_again}}};
}

// Labels stand beside their lines, each in the lowest lane where neither it nor its line touches
// another's. To be asked for from the last moment to the first.
class Lanes {
 public:
  explicit Lanes(double right) : right_(right) {}

  std::string put(const Mark& mark, double x) {
    const double width = kLetter * static_cast<double>(std::string_view(mark.words).size());
    const bool fits = x + width < right_;
    Label label{0, fits ? x : x - width, fits ? x + width : x, x};
    while (label.lane + 1 < kLanes && touches(label)) ++label.lane;
    labels_.push_back(label);
    used_ = std::max(used_, label.lane + 1);
    const double y = kLanesBottom - kLane * static_cast<double>(label.lane);
    return fmt::format(R"(<g class="mark" id="mark-{}">)", mark.id) +
           line("", x, y - 12, x, kEchoes.bottom) +
           text(fits ? x + 5 : x - 5, y, fits ? "start" : "end", "", mark.words) + "</g>\n";
  }

  std::size_t used() const noexcept { return used_; }

 private:
  struct Label {
    std::size_t lane;
    double begin, end, line;
  };

  bool touches(const Label& label) const {
    return std::ranges::any_of(labels_, [&](const Label& other) {
      if (other.lane == label.lane) return other.begin < label.end && label.begin < other.end;
      const Label& lower = other.lane < label.lane ? other : label;
      const double line = other.lane < label.lane ? label.line : other.line;
      return lower.begin < line && line < lower.end;
    });
  }

  double right_;
  std::size_t used_ = 0;
  std::vector<Label> labels_;
};

std::string bands(const Moments& m, const TimeAxis& axis) {
  std::string out;
  for (const auto& [from, to] :
       {std::pair(m.unplugged, m.plugged), std::pair(m.killed, m.started_again)}) {
    if (!from) continue;
    const double left = axis.at(*from), right = to ? axis.at(*to) : axis.right;
    for (const Panel& panel : {kThroughput, kEchoes}) {
      const double top = panel.top == kEchoes.top ? kLostRow - 8 : panel.top;
      out +=
          fmt::format(R"(<rect class="gone" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>)"
                      "\n",
                      left, top, right - left, panel.bottom - top);
    }
  }
  return out;
}

std::string in_words(const Story& story, double most) {
  std::string out = fmt::format(
      "Throughput of a download through the tunnel, in slices of a twentieth of a second, up to "
      "{}, "
      "over {:.0f} seconds; below it the time that a small question took to be answered.",
      rate(most), seconds(time_axis(story).length));
  for (const Mark& mark : marks_of(story.moments)) {
    if (mark.when) out += fmt::format(" At {:.2f} s: {}.", seconds(*mark.when), mark.words);
  }
  return out;
}

}  // namespace

TimeAxis time_axis(const Story& story) noexcept {
  const auto& slices = story.traffic.slices;
  const microseconds end = slices.empty() ? microseconds(1'000'000) : slices.back().end;
  return {kLeft, kRight, std::max(end, microseconds(1'000'000))};
}

std::string chart(const Story& story) {
  const TimeAxis axis = time_axis(story);
  double most = 1e6;
  for (const Slice& s : story.traffic.slices) most = std::max(most, rate_of(s));
  const double step = step_for(most);
  const Scale scale = {kThroughput, step * std::ceil(most / step)};
  Lanes lanes(axis.right);
  std::string marks;
  const auto all = marks_of(story.moments);
  for (auto mark = all.rbegin(); mark != all.rend(); ++mark) {
    if (mark->when) marks += lanes.put(*mark, axis.at(*mark->when));
  }
  const double top = kLanesBottom - kLane * static_cast<double>(lanes.used());
  return fmt::format(R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 {} {} {}" role="img" )"
                     R"(aria-labelledby="chart-title chart-text">)"
                     "\n"
                     R"(<title id="chart-title">Throughput and round trips over time</title>)"
                     "\n"
                     R"(<desc id="chart-text">{}</desc>)"
                     "\n",
                     top, kWidth, kBottom - top, escape(in_words(story, most))) +
         bands(story.moments, axis) + axes(axis, scale) + curve(story.traffic.slices, axis, scale) +
         trips(story.traffic.echoes, axis) +
         text(axis.left - 8, kLostRow + 4, "end", "small", "no answer") + marks + "</svg>\n";
}

}  // namespace vpnd::demo
