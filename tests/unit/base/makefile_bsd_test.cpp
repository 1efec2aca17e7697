// SPDX-License-Identifier: ISC
// Makefile.bsd names every source, and speaks what both makes understand. Each rule is first shown
// to find something.
#include <criterion/criterion.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

using Names = std::set<std::string>;

std::string read_text(const fs::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// Without continuations and comments.
std::vector<std::string> logical_lines(const std::string& text) {
  std::istringstream in(std::regex_replace(text, std::regex(R"(\\\n\s*)"), " "));
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with('#')) out.push_back(line);
  }
  return out;
}

// What stands in the lists; an object that depends on the system is in several.
std::map<std::string, int> listed(const std::string& makefile) {
  static const std::regex kList(R"(^(\w+) = (.*)$)");
  std::map<std::string, int> out;
  for (const std::string& line : logical_lines(makefile)) {
    std::smatch m;
    if (!std::regex_match(line, m, kList)) continue;
    const bool by_system = m[1].str().starts_with("SANDBOX_");
    std::istringstream words(m[2]);
    for (std::string word; words >> word;) {
      if (!word.ends_with(".o")) continue;
      int& times = out[word.substr(0, word.size() - 2) + ".cpp"];
      times = by_system ? 1 : times + 1;
    }
  }
  return out;
}

std::string complaints(const std::string& makefile, const Names& sources) {
  std::string out;
  const auto lists = listed(makefile);
  for (const std::string& source : sources) {
    if (!lists.contains(source)) out += source + " is not in it\n";
  }
  for (const auto& [source, times] : lists) {
    if (!sources.contains(source)) out += source + " does not exist\n";
    if (times > 1) out += source + " is in it twice\n";
  }
  // Functions, conditionals, loops and patterns of one make or the other.
  static const std::regex kForeign(
      R"(\$\((shell|wildcard|patsubst|subst|foreach|if|call|filter|sort|addprefix)\b)"
      R"(|^\s*-?(ifn?eq|ifn?def|else|endif|define|override|export|include)\b)"
      R"(|^\.(for|endfor|if|ifdef|ifndef|else|elif|endif|include|export)\b)"
      R"(|^[^\t=]*%[^=]*:|\$[{(]\w+:|::?:=|\$\^|\$\+|\$\.)");
  for (const std::string& line : logical_lines(makefile)) {
    if (std::regex_search(line, kForeign)) out += "not of every make: " + line + "\n";
  }
  return out;
}

Names sources_of(const fs::path& root) {
  Names out;
  for (const char* folder :
       {"core/base", "core/wire", "core/engine", "core/plan", "crypto", "bsd", "tools"}) {
    if (!fs::exists(root / folder)) continue;
    for (const auto& entry : fs::directory_iterator(root / folder)) {
      if (entry.path().extension() != ".cpp") continue;
      out.insert(std::string(folder) + "/" + entry.path().filename().string());
    }
  }
  return out;
}

}  // namespace

Test(makefile_bsd, names_every_source_and_nothing_else) {
  const fs::path root = VPND_SOURCE_DIR;
  const Names sources = sources_of(root);
  cr_assert(sources.size() > 100, "only %zu sources were found", sources.size());
  const std::string wrong = complaints(read_text(root / "Makefile.bsd"), sources);
  cr_assert(wrong.empty(), "Makefile.bsd:\n%s", wrong.c_str());
}

// BSD make would build in there.
Test(makefile_bsd, there_is_no_folder_called_obj) {
  cr_assert_not(fs::exists(fs::path(VPND_SOURCE_DIR) / "obj"));
}

Test(makefile_bsd, finds_what_is_missing_or_too_much) {
  const std::string makefile =
      "A = core/a.o \\\n  core/b.o\nSANDBOX_X = bsd/s.o\nSANDBOX_Y = bsd/s.o\n";
  const Names all = {"core/a.cpp", "core/b.cpp", "bsd/s.cpp"};
  cr_assert_eq(complaints(makefile, all), "");
  cr_assert_eq(complaints(makefile, {"core/a.cpp", "core/b.cpp", "bsd/s.cpp", "bsd/t.cpp"}),
               "bsd/t.cpp is not in it\n");
  cr_assert_eq(complaints(makefile, {"core/a.cpp", "bsd/s.cpp"}), "core/b.cpp does not exist\n");
  cr_assert_eq(complaints(makefile + "B = core/b.o\n", all), "core/b.cpp is in it twice\n");
}

Test(makefile_bsd, finds_what_one_make_does_not_know) {
  for (const char* line :
       {"A = $(shell uname)", "ifeq ($(A),b)", ".for a in b", ".if defined(A)", "%.o: %.cpp",
        "-include x", "B = $(A:.cpp=.o)", "A ::= b", "\tcc -o $@ $^"}) {
    cr_assert_neq(complaints(line, {}), "", "%s", line);
  }
  for (const char* line : {"A != uname", "A ?= $(B)", ".cpp.o:", "all: a b", "\tcc -o $@ $<",
                           "\tsed -e 's,%%PREFIX%%,$(PREFIX),g' x"}) {
    cr_assert_eq(complaints(line, {}), "", "%s", line);
  }
}
