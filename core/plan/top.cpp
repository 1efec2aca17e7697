// SPDX-License-Identifier: ISC
#include "core/plan/top.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "core/plan/human.h"
#include "core/plan/top_line.h"

namespace vpnd::plan {
namespace {

using Lines = std::vector<std::string>;

constexpr std::array<const char*, 8> kBlocks{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::string_view kAscii = "_.:-=+*#";
constexpr std::size_t kRateColumns = 14;  // "↓ 31.2 Mbit/s "
constexpr std::size_t kLeastSparkline = 8, kMostSparkline = TopHistory::kKept;

template<typename T>
void keep(std::deque<T>& values, T value, std::size_t most) {
  values.push_back(std::move(value));
  while (values.size() > most) values.pop_front();
}

class Page {
 public:
  Page(const TopHistory& history, const TopScreen& screen)
      : history_(history), status_(history.latest()), screen_(screen) {}

  Lines lines() {
    if (screen_.width == 0 || screen_.height == 0) return {};
    head();
    rates();
    if (status_.report.server) {
      tail_ = {dropped(), host()};
      table();
    } else {
      session();
      add(dropped());
      add(host());
    }
    for (std::string& line : tail_) add(std::move(line));
    warnings();
    events();
    footer();
    return std::move(out_);
  }

 private:
  TopLine line() const { return {screen_.width, screen_.utf8, screen_.colour}; }
  const char* symbol(const char* utf8, const char* ascii) const {
    return screen_.utf8 ? utf8 : ascii;
  }
  // The last line is the footer's.
  std::size_t left() const {
    return screen_.height - std::min<std::size_t>(screen_.height, out_.size() + 1);
  }
  void add(std::string text) {
    if (left() > 0) out_.push_back(std::move(text));
  }

  void head() {
    const engine::Report& r = status_.report;
    const bool good = r.server || r.state == engine::ClientState::up;
    const bool blocked = r.state == engine::ClientState::blocked;
    TopLine l = line();
    l.put(" vpnd ", Colour::dim);
    l.put(symbol("● ", "* "), good ? Colour::green : blocked ? Colour::red : Colour::yellow);
    l.put(status_.name, Colour::bright);
    if (r.server) {
      l.put(fmt::format("  serving {} client{}", r.peers.size(), r.peers.size() == 1 ? "" : "s"));
    } else {
      l.put(fmt::format(" {} {}", symbol("→", "->"), status_.host));
      if (!status_.endpoint.empty()) l.put(fmt::format(" ({} tcp)", status_.endpoint));
    }
    const std::string_view state = r.server                             ? "serving"
                                   : r.state == engine::ClientState::up ? "connected"
                                                                        : name(r.state);
    l.right(fmt::format("{} {}", state, human_duration(r.in_state)));
    out_.push_back(l.take());
  }

  // Two of them side by side where there is room, else below each other.
  void rates() {
    const Rates now = status_.rates.value_or(Rates{});
    const std::size_t half = screen_.width / 2;
    const auto one = [&](TopLine& l, const char* utf8, const char* ascii, std::uint64_t rate,
                         const auto& values, std::size_t end, Colour colour) {
      const std::size_t begin = l.used();
      l.put(fmt::format(" {} {}", symbol(utf8, ascii), human_rate(rate)));
      l.to(begin + kRateColumns + 2);
      if (end > l.used() + 1) l.put(sparkline(values, end - l.used() - 1, screen_.utf8), colour);
    };
    TopLine first = line();
    const bool beside = half >= kRateColumns + 2 + kLeastSparkline;
    one(first, "↓", "rx", now.rx_bps, history_.rx(), beside ? half : screen_.width, Colour::green);
    if (beside) first.to(half);
    TopLine second = line();
    one(beside ? first : second, "↑", "tx", now.tx_bps, history_.tx(), screen_.width, Colour::blue);
    add(first.take());
    if (!beside) add(second.take());
  }

  void session() {
    if (status_.report.peers.empty()) return;
    const engine::PeerReport& p = status_.report.peers.front();
    TopLine path = line();
    path.put(fmt::format(" rtt {}", human_rtt(p.rtt)));
    path.to(kRateColumns + 2);
    if (path.room() > 1) {
      path.put(sparkline(history_.rtt(), std::min(path.room() - 1, path.room() / 2), screen_.utf8),
               Colour::yellow);
    }
    if (p.rtt_min > Duration{}) path.put(fmt::format("  min {}", human_rtt(p.rtt_min)));
    add(path.take());
    TopLine l = line();
    l.put(" session   ", Colour::dim);
    l.put(fmt::format("handshake {} ago, {}", human_duration(p.age), cipher_name(p.cipher)));
    if (p.next_rekey > Duration{}) {
      l.put(fmt::format(", next rekey in {}", human_duration(p.next_rekey)));
    }
    l.put(fmt::format(", reconnects {}, rekeys {}", status_.report.counters.reconnects,
                      status_.report.counters.rekeys));
    add(l.take());
  }

  std::string dropped() const {
    TopLine l = line();
    l.put(" dropped   ", Colour::dim);
    bool any = false;
    for (std::size_t i = 1; i < kDropCount; ++i) {
      const std::uint64_t n = status_.report.counters.drops[i];
      if (n == 0) continue;
      l.put(fmt::format("{}{} {}", any ? "  " : "", name(static_cast<Drop>(i)), n));
      any = true;
    }
    if (!any) l.put("nothing");
    return l.take();
  }

  std::string host() const {
    TopLine l = line();
    const bool whole = status_.changes_present == status_.changes_made;
    l.put(" host      ", Colour::dim);
    l.put(fmt::format("{}/{} in place", status_.changes_present, status_.changes_made),
          whole ? Colour::plain : Colour::red);
    if (!status_.routing.kill_switch.empty()) {
      l.put(fmt::format("   kill switch {}", status_.routing.kill_switch));
    }
    if (!status_.dns.empty()) l.put("   dns " + status_.dns);
    return l.take();
  }

  void table() {
    const auto& peers = history_.peers();
    TopLine header = line();
    cells(header, {"client", "address", symbol("↓", "rx"), symbol("↑", "tx"), "rtt", "connected"},
          Colour::dim);
    add(header.take());
    // What stands below it has to find room as well.
    const std::size_t below = tail_.size();
    std::size_t rows = left() > below ? left() - below : 0;
    const bool all = peers.size() <= rows;
    if (!all && rows > 0) --rows;
    for (std::size_t i = 0; i < std::min(rows, peers.size()); ++i) {
      const TopHistory::Peer& p = peers[i];
      TopLine l = line();
      cells(l,
            {p.report.name.empty() ? "-" : p.report.name, p.report.inner_v4.text(),
             human_rate(p.rates.rx_bps), human_rate(p.rates.tx_bps), human_rtt(p.report.rtt),
             human_duration(p.report.age)},
            Colour::plain);
      add(l.take());
    }
    if (!all) add(line().put(fmt::format(" and {} more", peers.size() - rows), Colour::dim).take());
  }

  using Cells = std::array<std::string, 6>;
  static void cells(TopLine& l, const Cells& texts, Colour colour) {
    constexpr std::array<std::size_t, 6> kColumns{1, 18, 35, 47, 59, 69};
    for (std::size_t i = 0; i < texts.size(); ++i) {
      // A long name is cut where the next column begins.
      const std::size_t end = i + 1 < kColumns.size() ? kColumns[i + 1] - 1 : std::size_t{200};
      l.to(kColumns[i]);
      TopLine cell(end - kColumns[i], true, false);
      l.put(cell.put(texts[i]).take(), colour);
    }
  }

  void warnings() {
    for (const std::string& text : status_.warnings) {
      add(line().put(" ! ", Colour::red).put(text).take());
    }
  }

  void events() {
    const auto& all = history_.events();
    const std::size_t shown = std::min(left(), all.size());
    for (std::size_t i = all.size() - shown; i < all.size(); ++i) {
      add(line().put(" ").put(all[i]).take());
    }
  }

  void footer() {
    TopLine l = line();
    l.put(" q quit   p pause   j JSON", Colour::dim);
    if (screen_.paused) l.right("paused ", Colour::yellow);
    while (out_.size() + 1 < screen_.height) out_.emplace_back();
    if (out_.size() < screen_.height) out_.push_back(l.take());
  }

  const TopHistory& history_;
  const Status& status_;
  const TopScreen& screen_;
  Lines out_, tail_;
};

}  // namespace

void TopHistory::add(Status status, TimePoint at) {
  const engine::Report& r = status.report;
  meter_.look(at, r.counters.received.bytes, r.counters.sent.bytes);
  if (const auto own = meter_.rates()) status.rates = own;
  const Rates now = status.rates.value_or(Rates{});
  keep(rx_, now.rx_bps, kKept);
  keep(tx_, now.tx_bps, kKept);
  const Duration rtt = r.peers.empty() ? Duration{} : r.peers.front().rtt;
  keep(rtt_,
       static_cast<std::uint64_t>(
           std::chrono::duration_cast<std::chrono::microseconds>(rtt).count()),
       kKept);
  peers_.clear();
  std::map<Key, RateMeter> meters;
  for (const engine::PeerReport& p : r.peers) {
    const Key key{p.name, p.inner_v4.text()};
    const auto known = peer_meters_.extract(key);
    RateMeter& meter = meters.emplace(key, known ? known.mapped() : RateMeter{}).first->second;
    meter.look(at, p.received.bytes, p.sent.bytes);
    peers_.push_back({p, meter.rates().value_or(Rates{})});
  }
  peer_meters_ = std::move(meters);
  // Those that stand still stay where they are.
  std::ranges::sort(peers_, [](const Peer& a, const Peer& b) {
    const std::uint64_t left = a.rates.rx_bps + a.rates.tx_bps;
    const std::uint64_t right = b.rates.rx_bps + b.rates.tx_bps;
    if (left != right) return left > right;
    return std::tie(a.report.name, a.report.inner_v4) < std::tie(b.report.name, b.report.inner_v4);
  });
  latest_ = std::move(status);
}

void TopHistory::add_event(std::string text) {
  keep(events_, std::move(text), kEventsKept);
}

std::vector<std::string> top_lines(const TopHistory& history, const TopScreen& screen) {
  return Page(history, screen).lines();
}

std::string sparkline(const std::deque<std::uint64_t>& values, std::size_t width, bool utf8) {
  const std::size_t shown = std::min({values.size(), width, kMostSparkline});
  const auto begin = values.end() - static_cast<std::ptrdiff_t>(shown);
  const std::uint64_t largest = shown == 0 ? 0 : *std::max_element(begin, values.end());
  std::string out(width - shown, ' ');
  for (auto it = begin; it != values.end(); ++it) {
    const double part = largest == 0 ? 0 : static_cast<double>(*it) / static_cast<double>(largest);
    const auto level = std::min<std::size_t>(static_cast<std::size_t>(part * 7 + 0.5), 7);
    if (utf8) {
      out += kBlocks[level];
    } else {
      out += kAscii[level];
    }
  }
  return out;
}

}  // namespace vpnd::plan
