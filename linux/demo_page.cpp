// SPDX-License-Identifier: ISC
#include "linux/demo_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "linux/demo_markup.h"

namespace vpnd::demo {
namespace {

constexpr std::string_view kHead = R"(<!DOCTYPE html>
<html lang="en" xmlns="http://www.w3.org/1999/xhtml">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
<title>vpnd demo</title>
)";

constexpr std::string_view kStyle = R"(<style>
body{margin:0 auto;max-width:60rem;padding:1rem;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,"Segoe UI","DejaVu Sans",sans-serif}
h1{margin:.5rem 0 0;font-size:1.75rem}
h2{margin:2.25rem 0 .5rem;font-size:1.2rem}
p{margin:.5rem 0}
.note{color:var(--dim);font-size:.9rem}
.good{color:var(--good)}
.bad{color:var(--alert)}
.scroll{overflow-x:auto}
.scroll svg{display:block;width:100%;min-width:44rem;height:auto}
table{width:100%;border-collapse:collapse;font-size:.9rem}
caption{padding:.75rem 0 .25rem;text-align:left;font-weight:600}
th,td{padding:.3rem .6rem;border-bottom:1px solid var(--rule);text-align:left;vertical-align:top}
thead th{color:var(--dim);font-weight:600;border-bottom-color:var(--dim)}
tbody th{font-weight:400}
tr.group th,tr.group td{background:var(--soft);font-weight:600}
td.word,th.word{width:4.5rem;text-align:center}
td.none{color:var(--dim)}
td.what{font-family:ui-monospace,"DejaVu Sans Mono",monospace;font-size:.82rem;
overflow-wrap:anywhere}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums;width:9rem}
@media(max-width:40rem){body{padding:.6rem}th,td{padding:.25rem .3rem}td.word,th.word{width:3rem}}
@media print{body{max-width:none;padding:0;font-size:11pt}.scroll{overflow:visible}
.scroll svg{min-width:0}h2{break-after:avoid}tr,svg{break-inside:avoid}
tr.group th,tr.group td,.area,.gone,.tunnel,.box{print-color-adjust:exact}}
</style>
)";

std::string scroll(const char* label, const std::string& drawing) {
  return fmt::format(R"(<div class="scroll" role="region" tabindex="0" aria-label="{}">)"
                     "\n{}</div>\n",
                     label, drawing);
}

std::string verdict(const Story& story) {
  const auto held = std::ranges::count_if(story.proofs, &Proof::held);
  const auto all = story.proofs.size();
  return fmt::format(R"(<p><strong class="{}">{}</strong> A real server and a real client, in )"
                     "network namespaces of one machine, between a router and a target. The uplink "
                     "was pulled and the client was killed meanwhile.</p>\n",
                     story.held ? "good" : "bad",
                     story.held ? fmt::format("All {} checks held.", all)
                                : fmt::format("{} of {} checks held.", held, all));
}

std::string proofs(const Story& story) {
  std::string out =
      "<table>\n<thead><tr><th scope=\"col\" class=\"word\">Held</th>"
      "<th scope=\"col\">What</th><th scope=\"col\">Figures</th></tr></thead>\n<tbody>\n";
  for (const Proof& p : story.proofs) {
    out += fmt::format(R"(<tr><td class="word {}">{}</td><th scope="row">{}</th><td>{}</td></tr>)"
                       "\n",
                       p.held ? "good" : "bad", p.held ? "✓ yes" : "✗ no", escape(p.what),
                       escape(p.figures));
  }
  return out + "</tbody>\n</table>\n";
}

// 1234567 is "1 234 567", with spaces at which no line breaks.
std::string grouped(std::uint64_t number) {
  std::string digits = fmt::format("{}", number);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, "\u202f");
  }
  return digits;
}

std::string wire(const Wire& w) {
  const std::array<std::pair<const char*, std::uint64_t>, 4> rows = {{
      {"Packets of the tunnel: TCP to or from port 443 of the server", w.tunnel},
      {"Neighbour discovery: ARP, IPv6 neighbours and groups", w.neighbours},
      {"In clear: anything else", w.clear},
      {"Passed without having been looked at", w.lost},
  }};
  std::string out =
      "<table>\n<thead><tr><th scope=\"col\">Seen between client and router</th>"
      "<th scope=\"col\" class=\"number\">Packets</th></tr></thead>\n<tbody>\n";
  for (const auto& [what, count] : rows) {
    const bool must_be_none = what == rows[2].first || what == rows[3].first;
    out += fmt::format(R"(<tr><th scope="row">{}</th><td class="number {}">{}</td></tr>)"
                       "\n",
                       what,
                       !must_be_none ? ""
                       : count == 0  ? "good"
                                     : "bad",
                       grouped(count));
  }
  return out + "</tbody>\n</table>\n" +
         fmt::format(
             "<p class=\"note\">That the counter sees what is in clear was tried before "
             "there was a tunnel: it saw {} of {} packets.</p>\n",
             w.probes_seen, w.probes_sent);
}

// ---- the kernel's state

constexpr std::array<std::pair<Kind, const char*>, 6> kKinds = {{{Kind::link, "Links"},
                                                                 {Kind::address, "Addresses"},
                                                                 {Kind::rule, "Rules"},
                                                                 {Kind::route, "Routes"},
                                                                 {Kind::table, "nftables"},
                                                                 {Kind::setting, "Settings"}}};

std::string presence(bool there) {
  return there ? R"(<td class="word">yes</td>)" : R"(<td class="word none">–</td>)";
}

std::size_t count(const View& view, Kind kind) {
  return static_cast<std::size_t>(std::ranges::count(view, kind, &Item::kind));
}

// A line with the numbers, and one for each thing that was not there all the time.
std::string group(const Host& host, Kind kind, const char* name) {
  const std::array<const View*, 3> moments = {&host.before, &host.during, &host.after};
  std::set<Item> all;
  for (const View* view : moments) {
    std::ranges::copy_if(*view, std::inserter(all, all.end()),
                         [&](const Item& item) { return item.kind == kind; });
  }
  std::string rows;
  std::size_t unchanged = 0;
  for (const Item& item : all) {
    std::string cells;
    unsigned times = 0;
    for (const View* view : moments) {
      const bool there = std::ranges::binary_search(*view, item);
      times += there ? 1 : 0;
      cells += presence(there);
    }
    if (times == moments.size()) {
      ++unchanged;
    } else {
      rows += fmt::format("<tr><td class=\"what\">{}</td>{}</tr>\n", escape(item.text), cells);
    }
  }
  return fmt::format(R"(<tr class="group"><th scope="rowgroup">{}{}</th><td class="word">{}</td>)"
                     R"(<td class="word">{}</td><td class="word">{}</td></tr>)"
                     "\n",
                     name, unchanged > 0 ? fmt::format(", {} unchanged", unchanged) : "",
                     count(host.before, kind), count(host.during, kind), count(host.after, kind)) +
         rows;
}

std::string state(const Host& host) {
  std::string out =
      fmt::format("<table>\n<caption>In the {}'s namespace</caption>\n", escape(host.name));
  out +=
      "<thead><tr><th scope=\"col\">What</th><th scope=\"col\" class=\"word\">Before</th>"
      "<th scope=\"col\" class=\"word\">During</th><th scope=\"col\" class=\"word\">After</th>"
      "</tr></thead>\n";
  for (const auto& [kind, name] : kKinds) {
    out += "<tbody>\n" + group(host, kind, name) + "</tbody>\n";
  }
  return out + "</table>\n";
}

std::string states(const Story& story) {
  std::string out = fmt::format(
      R"(<p>Left behind in all four namespaces: <strong class="{}">{} change{}</strong>.</p>)"
      "\n",
      story.left_behind == 0 ? "good" : "bad", story.left_behind,
      story.left_behind == 1 ? "" : "s");
  for (const Host& host : story.hosts) out += state(host);
  return out;
}

std::string about(const std::vector<Setting>& settings) {
  std::string out = "<table>\n<tbody>\n";
  for (const Setting& s : settings) {
    out += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", escape(s.what),
                       escape(s.value));
  }
  return out + "</tbody>\n</table>\n";
}

}  // namespace

std::string page(const Story& story) {
  std::string out(kHead);
  out += drawing_style();
  out += kStyle;
  out += "</head>\n<body>\n<main>\n<h1>vpnd demo</h1>\n" + verdict(story);
  out += scroll("The four hosts", topology(story));
  out += "<h2>Over time</h2>\n" + scroll("Throughput and round trips over time", chart(story));
  out +=
      "<p class=\"note\">Above: what a download through the tunnel brought, every 50 ms. "
      "Below: how long an echo of 8 bytes took that was asked for at that moment, beside the "
      "download; red strokes were not answered. What is asked for while the uplink is out may "
      "wait in the tunnel, and is then answered when it is back.</p>\n";
  out += "<h2>What was checked</h2>\n" + proofs(story);
  out += "<h2>On the wire</h2>\n" + wire(story.wire);
  out += "<h2>What the kernel held</h2>\n" + states(story);
  out += "<h2>Where and with what</h2>\n" + about(story.about);
  return out + "</main>\n</body>\n</html>\n";
}

}  // namespace vpnd::demo
