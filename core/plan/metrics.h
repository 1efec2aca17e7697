// SPDX-License-Identifier: ISC
#pragma once

// A tunnel's figures in the text format that Prometheus reads (version 0.0.4), and the few lines of
// HTTP around it. https://prometheus.io/docs/instrumenting/exposition_formats/

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/plan/status.h"

namespace vpnd::plan {

// Of one tunnel or of several; each series has the label "tunnel". Bytes and seconds, no other
// units; what only grows while a process lives is a counter.
std::string metrics_text(std::span<const Status>);

// What has come of a request, which may be anything.
enum class HttpRequest : std::uint8_t {
  incomplete,  // its head has no end yet
  metrics,     // GET / or GET /metrics
  head,        // the same by HEAD
  not_found,
  not_allowed,  // another method
  malformed,
};
HttpRequest http_request(std::string_view received) noexcept;
// One answer of HTTP/1.0, after which the connection ends. `metrics` is used where they are wanted.
std::string http_answer(HttpRequest, std::string_view metrics);

}  // namespace vpnd::plan
