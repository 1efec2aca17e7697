// SPDX-License-Identifier: ISC
#pragma once

// What is wrong with a text that is to be Prometheus's exposition format, as `promtool check
// metrics` would say. https://prometheus.io/docs/instrumenting/exposition_formats/

#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace vpnd::test {

// Empty: nothing. Else the line and what it lacks.
inline std::string exposition_fault(const std::string& text) {
  static const std::regex kHelp(R"(# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) \S.*)");
  static const std::regex kType(R"(# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge))");
  static const std::regex kSample(
      R"re(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\[\\n"])*")re"
      R"re((?:,[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\[\\n"])*")*\})? (-?[0-9.]+(?:e[-+]?[0-9]+)?))re");
  if (text.empty() || text.back() != '\n') return "the last line has no end";
  std::set<std::string> helped, typed, series;
  std::string family, type;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    std::smatch m;
    if (std::regex_match(line, m, kHelp)) {
      family.clear();
      if (!helped.insert(m[1]).second) return line + ": a second time";
    } else if (std::regex_match(line, m, kType)) {
      family = m[1];
      type = m[2];
      if (!helped.contains(family)) return line + ": without HELP";
      if (!typed.insert(family).second) return line + ": a second time";
      if ((type == "counter") != family.ends_with("_total")) return line + ": not by its name";
      for (const char* unit : {"_ms", "_us", "_kb", "_mb", "_bits", "_milliseconds"}) {
        if (family.ends_with(unit)) return line + ": not in a base unit";
      }
    } else if (std::regex_match(line, m, kSample)) {
      if (m[1] != family) return line + ": not below its family's TYPE";
      if (!series.insert(m[1].str() + m[2].str()).second) return line + ": a second time";
      if (type == "counter" && m[3].str().front() == '-') return line + ": a counter below zero";
    } else {
      return line + ": of no known form";
    }
  }
  return series.empty() ? "no series" : "";
}

}  // namespace vpnd::test
