// SPDX-License-Identifier: ISC
#pragma once

// What `vpnd doctor` found, one finding for each thing that it looked at. A host makes them; here
// they are told. As JSON they have the schema "vpnd.doctor/1": within /1 fields are only added.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vpnd::plan {

// skipped: it could not be seen, or is no question for this tunnel.
enum class Verdict : std::uint8_t { ok, note, problem, skipped };
std::string_view verdict_name(Verdict) noexcept;

struct Finding {
  std::string id;  // "conflicts.default-route": its group, and what it is about; the same for ever
  Verdict verdict = Verdict::ok;
  std::string detail;                 // one line
  std::string advice;                 // what to do about it, one line; may be empty
  std::vector<std::string> commands;  // for a shell of root, that do it; may be empty
};
using Findings = std::vector<Finding>;

std::size_t problems(const Findings&) noexcept;
// Groups in the order in which each first occurs.
std::string print(const Findings&);
std::string to_json(const Findings&);

}  // namespace vpnd::plan
