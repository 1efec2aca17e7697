// SPDX-License-Identifier: ISC
#pragma once

// Which file a command's NAME|FILE means, and what it says. A word with a '/' in it, or that ends
// in ".toml", is a FILE; any other is a NAME, of NAME.toml in the folder of configurations: that of
// --config-dir, else of the service manager (CONFIGURATION_DIRECTORY), else /etc/vpnd.

#include <span>
#include <string>
#include <vector>

#include "core/plan/config.h"
#include "tools/arguments.h"

namespace vpnd {

bool is_config_file(const std::string& word) noexcept;
std::string config_folder(const Arguments&);
// Of a FILE, the word itself.
std::string config_path(const std::string& word, const Arguments&);
// Throws Error (Exit::config; Exit::usage for a word that can be neither).
plan::Config read_config(const std::string& word, const Arguments&);
// The same for a command whose only argument that is. `words`: its arguments, or those of them.
plan::Config only_config(const Arguments&, std::span<const std::string> words);
// The running tunnel that is a command's only argument.
struct TunnelName {
  std::string word;  // as it was given; empty: none was, and the only one that runs is meant
  // By which it answers: the word itself if one does, else what the file of that NAME or FILE calls
  // its interface, else the word.
  std::string name;
};
// Throws Error: a second argument, or what read_config() does of a file that is there.
TunnelName tunnel_name(const Arguments&);
// Every NAME that has a file, sorted. Empty as well if the folder cannot be read.
std::vector<std::string> config_names(const Arguments&);

}  // namespace vpnd
