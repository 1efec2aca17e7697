// SPDX-License-Identifier: ISC
#include "tools/configuration.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "core/base/error.h"
#include "core/plan/suggest.h"
#include "tools/command.h"
#include "tools/private_file.h"

namespace vpnd {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".toml";

// Of an absent file: what was probably meant.
[[noreturn]] void no_such_name(const std::string& name, const std::string& path,
                               const Arguments& arguments) {
  std::string remedy =
      "a NAME has its file in that folder; a FILE is written with its path, as in ./" + name +
      std::string(kSuffix);
  const auto others = config_names(arguments);
  if (const auto near = plan::nearest(name, others)) {
    remedy = fmt::format("did you mean \"{}\"?", *near);
  } else if (std::error_code none; fs::is_regular_file(name, none)) {
    remedy = fmt::format("for the file here, write ./{}", name);
  }
  throw config_error(fmt::format("there is no {}", path), remedy);
}

std::string interface_of(const std::string& word, const Arguments& arguments) {
  if (!is_config_file(word) && host::runs(word, places_of(arguments))) return word;
  std::error_code none;
  if (!fs::exists(config_path(word, arguments), none)) return word;
  const plan::Config config = read_config(word, arguments);
  const auto& name =
      std::visit([](const auto& c) -> const std::string& { return c.interface; }, config);
  return name.empty() ? word : name;
}

}  // namespace

bool is_config_file(const std::string& word) noexcept {
  return word.find('/') != std::string::npos || word.ends_with(kSuffix);
}

std::string config_folder(const Arguments& arguments) {
  return place(arguments.config_dir, "CONFIGURATION_DIRECTORY", VPND_CONFIG_DIR);
}

std::string config_path(const std::string& word, const Arguments& arguments) {
  if (is_config_file(word)) return word;
  return (fs::path(config_folder(arguments)) / (word + std::string(kSuffix))).string();
}

plan::Config read_config(const std::string& word, const Arguments& arguments) {
  if (word.empty() || (word.front() == '.' && !is_config_file(word))) {
    throw usage_error(fmt::format("\"{}\" is neither a NAME nor a FILE", word));
  }
  const std::string path = config_path(word, arguments);
  std::error_code none;
  if (!is_config_file(word) && !fs::exists(path, none) && !none) {
    no_such_name(word, path, arguments);
  }
  return plan::config_from_toml(read_config_text(path), path);
}

plan::Config only_config(const Arguments& arguments, std::span<const std::string> words) {
  const Command& command = *arguments.command;
  if (words.size() == 1) return read_config(words[0], arguments);
  throw usage_error(words.empty() ? fmt::format("{} needs a configuration", command.path)
                                  : fmt::format("\"{}\" is one argument too many", words[1]),
                    fmt::format("usage: vpnd {} {}", command.path, command.form));
}

TunnelName tunnel_name(const Arguments& arguments) {
  const std::string word = argument_or(arguments, "");
  return {word, word.empty() ? word : interface_of(word, arguments)};
}

std::vector<std::string> config_names(const Arguments& arguments) {
  std::vector<std::string> names;
  std::error_code failed;
  for (fs::directory_iterator at(config_folder(arguments), failed), end; !failed && at != end;
       at.increment(failed)) {
    const fs::path& file = at->path();
    if (file.extension() == kSuffix && !file.stem().empty()) names.push_back(file.stem().string());
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace vpnd
