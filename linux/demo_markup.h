// SPDX-License-Identifier: ISC
#pragma once

// Pieces of the demo's page. The page is XML as well as HTML, so that any parser of either can
// read it.

#include <string>
#include <string_view>

#include "linux/demo_story.h"

namespace vpnd::demo {

// For text and for attribute values in double quotes. What XML cannot hold at all (control
// characters, bytes that are no UTF-8) becomes U+FFFD.
std::string escape(std::string_view text);

// The colours and the classes that the drawings use. Their <style> belongs in the document itself:
// it speaks of :root, be that the page or a drawing that was cut out of it.
std::string drawing_style();

// <svg> elements, each with a title and a description for those who cannot see it.
std::string topology(const Story&);
std::string chart(const Story&);

// Where the chart has its time axis, in its own units: from `left` to `right`.
struct TimeAxis {
  double left, right;
  microseconds length;
  double at(microseconds moment) const noexcept {
    return left + (right - left) * static_cast<double>(moment.count()) /
                      static_cast<double>(length.count());
  }
};
TimeAxis time_axis(const Story&) noexcept;

}  // namespace vpnd::demo
