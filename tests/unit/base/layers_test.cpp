// SPDX-License-Identifier: ISC
// Who may include whom, and words that may not occur. Each rule is first shown to find something.
#include <criterion/criterion.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

using Lines = std::vector<std::string>;

constexpr std::size_t kMostLines = 400;

Lines split(const std::string& text) {
  Lines out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

bool one_of(const std::string& word, std::initializer_list<const char*> words) {
  return std::any_of(words.begin(), words.end(), [&](const char* w) { return word == w; });
}

std::string folder(const std::string& path) {
  return path.substr(0, path.find('/'));
}

// Of core/base, core/wire, core/engine, core/plan; the seam itself stands above.
int rank(const std::string& path) {
  int n = 0;
  for (const char* part : {"core/base/", "core/wire/", "core/engine/", "core/plan/"}) {
    if (path.starts_with(part)) return n;
    ++n;
  }
  return n;
}

// The seam is for hosts, for the program, and for the keeper that drives it.
bool may_include_host(const std::string& path) {
  return one_of(folder(path), {"tools", "linux", "bsd", "tests"}) ||
         path.starts_with("core/plan/keeper");
}

bool may_include(const std::string& path, const std::string& what) {
  const std::string from = folder(path), to = folder(what);
  if (what == "core/host.h") return may_include_host(path);
  if (from == "core") return to == "crypto" || (to == "core" && rank(what) <= rank(path));
  if (from == "crypto") return to == "crypto";
  if (from == "tools") return one_of(to, {"tools", "core", "crypto"});
  if (from == "linux") return one_of(to, {"linux", "core", "crypto"});
  if (from == "bsd") return one_of(to, {"bsd", "core", "crypto"});
  return from == "tests";
}

// A header of the language has neither a dot nor a slash, but for a few of C's.
bool system_header_allowed(const std::string& path, const std::string& name) {
  const std::string from = folder(path);
  if (!one_of(from, {"core", "crypto"})) return true;
  const bool language = name.find_first_of("./") == std::string::npos;
  if (from == "crypto") return language || name == "sodium.h";
  return language || name.starts_with("toml++/") ||
         one_of(name, {"fmt/format.h", "nlohmann/json.hpp"});
}

void check_includes(const std::string& path, const std::string& line, Lines& out) {
  static const std::regex kInclude(R"(^\s*#\s*include\s*(["<])([^">]+)[">])");
  std::smatch m;
  if (!std::regex_search(line, m, kInclude)) return;
  const bool ok = m[1] == "\"" ? may_include(path, m[2]) : system_header_allowed(path, m[2]);
  if (!ok) out.push_back(path + " may not include " + m[2].str());
}

// In bsd/ one place tells the systems apart.
bool may_name_platform(const std::string& path) {
  return folder(path) == "linux" || path.starts_with("bsd/native.");
}

// Written in pieces, so that this file may pass its own examination.
const std::regex& platform_words() {
  static const std::regex words(
      "__(lin"
      "ux|Free"
      "BSD|Open"
      "BSD|Net"
      "BSD|APP"
      "LE|Dragon"
      "Fly)__");
  return words;
}

const std::regex& command_words() {
  static const std::regex words(R"(\b(sys)"
                                R"(tem|po)"
                                R"(pen|f?ex)"
                                R"(ec(l|le|lp|v|ve|vp|vpe|veat)|posix_)"
                                R"(spawnp?)\s*\()");
  return words;
}

// One process loads one library, and has nothing else.
constexpr char kLoader[] = "linux/resolver_errand.cpp";

const std::regex& loading_words() {
  static const std::regex words(R"(\bdl(m?op)"
                                R"(en|sym|vsym)\s*\()");
  return words;
}

Lines complaints(const std::string& path, const std::string& text) {
  Lines out;
  const Lines lines = split(text);
  const std::string from = folder(path);
  if (lines.empty() || lines[0] != "// SPDX-License-Identifier: ISC") {
    out.push_back(path + " does not begin with its licence");
  }
  if (lines.size() > kMostLines) out.push_back(path + " is too long");
  for (const std::string& line : lines) {
    check_includes(path, line, out);
    if (!may_name_platform(path) && std::regex_search(line, platform_words())) {
      out.push_back(path + " names a platform");
    }
    if (from != "tests" && path != kLoader && std::regex_search(line, loading_words())) {
      out.push_back(path + " loads a library: " + line);
    }
    // Tests may run a program as a witness.
    if (from != "tests" && std::regex_search(line, command_words())) {
      out.push_back(path + " runs a command: " + line);
    }
  }
  return out;
}

std::size_t found(const std::string& path, const std::string& body) {
  return complaints(path, "// SPDX-License-Identifier: ISC\n" + body).size();
}

}  // namespace

Test(layers, the_tree_keeps_the_rules) {
  const fs::path root = VPND_SOURCE_DIR;
  std::string all;
  std::size_t files = 0;
  for (const char* top : {"core", "crypto", "linux", "bsd", "tools", "tests"}) {
    if (!fs::exists(root / top)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
      const auto extension = entry.path().extension();
      if (extension != ".h" && extension != ".cpp") continue;
      std::ifstream in(entry.path());
      std::stringstream text;
      text << in.rdbuf();
      for (const auto& c : complaints(fs::relative(entry.path(), root).string(), text.str())) {
        all += c + "\n";
      }
      ++files;
    }
  }
  cr_assert(files > 50, "only %zu files were found", files);
  cr_assert(all.empty(), "%s", all.c_str());
}

Test(layers, finds_an_include_that_goes_upward) {
  cr_assert_eq(found("core/base/x.h", "#include \"core/wire/ip.h\""), 1u);
  cr_assert_eq(found("core/wire/x.h", "#include \"core/engine/engine.h\""), 1u);
  cr_assert_eq(found("core/engine/x.h", "#include \"core/plan/plan.h\""), 1u);
  cr_assert_eq(found("core/plan/plan.cpp", "  #  include \"linux/lower.h\""), 1u);
  cr_assert_eq(found("core/plan/plan.cpp", "#include \"core/host.h\""), 1u);
  cr_assert_eq(found("crypto/x.cpp", "#include \"core/base/bytes.h\""), 1u);
  cr_assert_eq(found("tools/x.cpp", "#include \"linux/lower.h\""), 1u);
  cr_assert_eq(found("linux/x.cpp", "#include \"tools/arguments.h\""), 1u);
  cr_assert_eq(found("linux/x.cpp", "#include \"tests/vectors/vectors.h\""), 1u);
  for (const char* other : {"linux/lower.h", "tools/arguments.h", "tests/vectors/vectors.h"}) {
    const std::string line = std::string("#include \"") + other + "\"";
    cr_assert_eq(found("bsd/x.cpp", line), 1u, "%s", other);
  }
  cr_assert_eq(found("linux/x.cpp", "#include \"bsd/traits.h\""), 1u);
}

Test(layers, lets_others_pass) {
  cr_assert_eq(found("core/plan/x.cpp", "#include \"core/base/addr.h\""), 0u);
  cr_assert_eq(found("core/plan/x.cpp", "#include \"core/plan/plan.h\"\n#include <vector>"), 0u);
  cr_assert_eq(found("core/wire/x.cpp", "#include \"crypto/aead.h\""), 0u);
  cr_assert_eq(found("core/plan/keeper.cpp", "#include \"core/host.h\""), 0u);
  cr_assert_eq(found("linux/x.cpp", "#include \"core/host.h\"\n#include <sys/socket.h>"), 0u);
  cr_assert_eq(found("bsd/x.cpp", "#include \"core/host.h\"\n#include <net/route.h>"), 0u);
  cr_assert_eq(found("bsd/x.cpp", "#include \"bsd/traits.h\"\n#include \"crypto/kx.h\""), 0u);
  cr_assert_eq(found("crypto/x.cpp", "#include <sodium.h>\n#include <cstring>"), 0u);
}

Test(layers, finds_system_headers_in_core_and_crypto) {
  for (const char* header : {"sys/socket.h", "linux/if.h", "net/if.h", "netinet/in.h",
                             "arpa/inet.h", "unistd.h", "fcntl.h", "poll.h", "signal.h"}) {
    const std::string line = std::string("#include <") + header + ">";
    cr_assert_eq(found("core/wire/x.cpp", line), 1u, "%s", header);
    cr_assert_eq(found("crypto/x.h", line), 1u, "%s", header);
    cr_assert_eq(found("linux/x.cpp", line), 0u, "%s", header);
  }
  cr_assert_eq(found("crypto/x.cpp", "#include <fmt/format.h>"), 1u);
  cr_assert_eq(found("core/wire/x.cpp", "#include <sodium.h>"), 1u);
}

Test(layers, finds_platform_words) {
  const std::string line = std::string("#ifdef __lin") + "ux__";
  cr_assert_eq(found("core/base/x.h", line), 1u);
  cr_assert_eq(found("tools/x.cpp", line), 1u);
  cr_assert_eq(found("linux/x.cpp", line), 0u);
  for (const char* name : {"__Open", "__Net", "__Free"}) {
    const std::string other = "#if defined(" + std::string(name) + "BSD__)";
    cr_assert_eq(found("core/base/x.h", other), 1u, "%s", name);
    cr_assert_eq(found("bsd/tun.cpp", other), 1u, "%s", name);
    cr_assert_eq(found("bsd/native.cpp", other), 0u, "%s", name);
  }
  cr_assert_eq(found("bsd/tun.cpp", std::string("#ifdef __Dragon") + "Fly__"), 1u);
  cr_assert_eq(found("bsd/tun.cpp", "#ifdef TCP_NOPUSH"), 0u, "what a system has may be asked");
}

Test(layers, finds_commands) {
  const std::string kTable[] = {
      std::string("sys") + "tem(\"id\");", std::string("::po") + "pen (x);",
      std::string("ex") + "ecve(a, b, c);", std::string("fex") + "ecve(1);",
      std::string("posix_") + "spawn(&p);"};
  for (const std::string& line : kTable) {
    for (const char* path :
         {"core/plan/x.cpp", "crypto/x.cpp", "linux/x.cpp", "bsd/x.cpp", "tools/x.cpp"}) {
      cr_assert_eq(found(path, line), 1u, "%s in %s", line.c_str(), path);
    }
    cr_assert_eq(found("tests/netns/x.cpp", line), 0u);
  }
  cr_assert_eq(
      found("core/plan/x.cpp", "execute(plan); filesystem(x); // the ecosystem (all of it)"), 0u);
}

Test(layers, finds_who_loads_libraries) {
  const std::string line = std::string("handle = ::dlop") + "en(name, 0);";
  cr_assert_eq(found("linux/x.cpp", line), 1u);
  cr_assert_eq(found("core/plan/x.cpp", line), 1u);
  cr_assert_eq(found(kLoader, line), 0u);
}

Test(layers, finds_long_files_and_missing_licences) {
  cr_assert_eq(complaints("core/base/x.h", "#pragma once\n").size(), 1u);
  cr_assert_eq(complaints("core/base/x.h", "").size(), 1u);
  std::string body;
  for (int i = 0; i < 399; ++i) body += "\n";
  cr_assert_eq(found("core/base/x.h", body), 0u);
  cr_assert_eq(found("core/base/x.h", body + "\n"), 1u);
}
