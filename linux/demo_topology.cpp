// SPDX-License-Identifier: ISC

// The four hosts, and where the packets were counted.

#include <fmt/format.h>

#include <array>

#include "linux/demo_markup.h"

namespace vpnd::demo {
namespace {

constexpr int kWidth = 960, kHeight = 190;
constexpr int kBoxWidth = 120, kBoxHeight = 64, kBoxTop = 44;
constexpr int kMiddle = kBoxTop + kBoxHeight / 2;

struct Box {
  int left;
  const char* name;
  std::array<const char*, 2> below;
};

constexpr std::array<Box, 4> kBoxes = {{
    {20, "client", {"192.168.1.2", "vpn0: 192.168.192.1"}},
    {300, "router", {"192.168.1.1", "203.0.113.1"}},
    {560, "server", {"203.0.113.2", "198.51.100.1"}},
    {820, "target", {"198.51.100.2", ""}},
}};

constexpr int right_of(const Box& box) {
  return box.left + kBoxWidth;
}

std::string line(const char* style, int from, int to) {
  return fmt::format(R"(<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>)"
                     "\n",
                     style, from, kMiddle, to, kMiddle);
}

std::string text(int x, int y, const char* style, const std::string& words) {
  return fmt::format(R"(<text class="{}" x="{}" y="{}" text-anchor="middle">{}</text>)"
                     "\n",
                     style, x, y, escape(words));
}

std::string box(const Box& b) {
  const int middle = b.left + kBoxWidth / 2;
  std::string out = fmt::format(R"(<rect class="box" x="{}" y="{}" width="{}" height="{}" rx="8"/>)"
                                "\n",
                                b.left, kBoxTop, kBoxWidth, kBoxHeight);
  out += text(middle, kMiddle + 5, "strong", b.name);
  int y = kBoxTop + kBoxHeight + 20;
  for (const char* below : b.below) {
    if (*below != '\0') out += text(middle, y, "small", below);
    y += 16;
  }
  return out;
}

// On the cable between client and router, which is where a listener would sit.
std::string counter(const Wire& wire) {
  const int x = (right_of(kBoxes[0]) + kBoxes[1].left) / 2;
  const bool nothing = wire.clear == 0 && wire.lost == 0;
  return fmt::format(R"(<line class="axis" x1="{0}" y1="{1}" x2="{0}" y2="{2}"/>)"
                     "\n"
                     R"(<circle class="eye" cx="{0}" cy="{1}" r="6"/>)"
                     "\n",
                     x, kMiddle, kBoxTop + kBoxHeight + 62) +
         text(x, kBoxTop + kBoxHeight + 78, nothing ? "good strong" : "bad strong",
              fmt::format("seen here: {} tunnel packets, {} in clear", wire.tunnel, wire.clear));
}

}  // namespace

std::string topology(const Story& story) {
  std::string out = fmt::format(
      R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" role="img" )"
      R"(aria-labelledby="topology-title topology-text">)"
      "\n"
      R"(<title id="topology-title">The four hosts</title>)"
      "\n"
      R"(<desc id="topology-text">Client, router, server and target in a row. The tunnel leads )"
      "from the client through the router to the server. On the cable between client and router "
      "{} tunnel packets and {} packets in clear were counted.</desc>\n",
      kWidth, kHeight, story.wire.tunnel, story.wire.clear);
  for (std::size_t i = 0; i + 1 < kBoxes.size(); ++i) {
    out += line("cable", right_of(kBoxes[i]), kBoxes[i + 1].left);
  }
  out += line("tunnel", right_of(kBoxes[0]) + 8, kBoxes[2].left - 8);
  out += line("cable", right_of(kBoxes[0]), kBoxes[2].left);
  for (const Box& b : kBoxes) out += box(b);
  out += text((right_of(kBoxes[0]) + kBoxes[2].left) / 2, kBoxTop - 22, "",
              "the tunnel: one TCP connection to port 443");
  out += text((right_of(kBoxes[2]) + kBoxes[3].left) / 2, kBoxTop - 22, "",
              "translated: it knows the server only");
  out += counter(story.wire);
  return out + "</svg>\n";
}

}  // namespace vpnd::demo
