// SPDX-License-Identifier: ISC
#pragma once

// Runs the built program as a user would, and keeps what it said.

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace cli {

struct Outcome {
  int code = -1;  // exit status, or 128 and the signal
  std::string out, err;
};

struct Setting {
  std::string input;  // for the standard input
  std::vector<std::pair<std::string, std::string>> environment;
  std::function<void()> before;       // in the child, before the program starts
  std::chrono::seconds patience{20};  // then it is killed, and the code is 137
};

// `words` without the program's name. The standard input is empty unless told otherwise.
Outcome run(const std::vector<std::string>& words, const Setting& setting = {});

// A folder of the test's own, the current one from then on.
std::string enter_folder();
void write_file(const std::string& path, const std::string& content, unsigned mode = 0600);
std::string read_file(const std::string& path);
unsigned mode_of(const std::string& path);  // permission bits
std::vector<std::string> files_here();      // sorted names

// Into a network namespace with a loopback. Skips the test where that cannot be done.
void enter_network();

std::vector<std::string> lines(const std::string& text);
std::vector<std::string> words(const std::string& line);  // separated by blanks

// What "help" says there is.
struct Option {
  std::vector<std::string> names;  // "-v", "--verbose"
  std::string value;               // what stands for it; empty: none
};
struct Command {
  std::string path;                // "peer add"
  std::vector<std::string> words;  // "peer", "add"
  std::string form;                // "KEY NAME"
  std::vector<Option> options;     // without -h
};
std::vector<Command> commands();

}  // namespace cli
