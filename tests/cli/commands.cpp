// SPDX-License-Identifier: ISC
// The commands and their options, as the program's own help lists them.

#include <criterion/criterion.h>

#include <algorithm>
#include <cctype>
#include <sstream>

#include "tests/cli/program.h"

namespace cli {
namespace {

bool all(const std::string& word, int (*is)(int)) {
  return std::ranges::all_of(word, [is](char c) { return is(static_cast<unsigned char>(c)) != 0; });
}

// "-v,--verbose SEC  log more"
Option option_of(const std::string& line) {
  const auto parts = words(line);
  Option out;
  std::istringstream names(parts.at(0));
  for (std::string name; std::getline(names, name, ',');) out.names.push_back(name);
  const bool valued = parts.size() > 1 && line.find(parts[0] + " " + parts[1]) != std::string::npos;
  if (valued && all(parts[1], std::isupper)) out.value = parts[1];
  return out;
}

// The lower-case words after "vpnd" are the command's name; what follows is its form.
Command command_of(const std::string& usage) {
  Command out;
  for (const std::string& word : words(usage.substr(usage.find("vpnd ") + 5))) {
    if (out.form.empty() && all(word, std::islower) && word != "server" && word != "client") {
      out.words.push_back(word);
    } else if (out.words.empty()) {
      out.words.push_back(word);
    } else {
      out.form += (out.form.empty() ? "" : " ") + word;
    }
  }
  for (const std::string& word : out.words) out.path += (out.path.empty() ? "" : " ") + word;
  return out;
}

}  // namespace

std::vector<std::string> words(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

std::vector<Command> commands() {
  std::vector<Command> out;
  std::vector<std::string> listed;
  for (const std::string& line : lines(run({"help"}).out)) {
    if (line.starts_with("  vpnd ")) listed.push_back(words(line).at(1));
  }
  listed.erase(std::unique(listed.begin(), listed.end()), listed.end());
  for (const std::string& first : listed) {
    for (const std::string& line : lines(run({"help", first}).out)) {
      if (line.starts_with("usage: ")) out.push_back(command_of(line));
      if (line.starts_with("  -")) out.back().options.push_back(option_of(line));
    }
  }
  return out;
}

}  // namespace cli
