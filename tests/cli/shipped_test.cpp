// SPDX-License-Identifier: ISC
// What must not be in the program that is shipped: the means to run others, and what only tests
// have.

#include <criterion/criterion.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <set>
#include <sstream>
#include <string>

#include "tests/cli/program.h"
#include "tests/support/built.h"

using vpnd::test::variant_program;
using vpnd::test::vpnd_program;

namespace {

using Names = std::set<std::string>;

constexpr char kMark[] = "vpnd-test-variant";

std::string said(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  cr_assert(pipe != nullptr);
  std::string out;
  for (int c = 0; (c = std::fgetc(pipe.get())) != EOF;) out.push_back(static_cast<char>(c));
  return out;
}

// The last word of every line of nm, without the version of the library.
Names symbols(const std::string& options, const std::string& file) {
  std::istringstream in(said("nm " + options + " '" + file + "'"));
  Names out;
  for (std::string line; std::getline(in, line);) {
    const std::string name = line.substr(line.rfind(' ') + 1);
    out.insert(name.substr(0, name.find('@')));
  }
  return out;
}

bool runs_programs(const std::string& name) {
  static const Names kExact{"system", "popen", "vfork", "dlmopen", "fexecve", "wordexp"};
  return kExact.contains(name) || name.starts_with("exec") || name.starts_with("posix_spawn");
}

Names means_to_run_programs(const std::string& file) {
  Names out;
  for (const std::string& name : symbols("-D --undefined-only", file)) {
    if (runs_programs(name)) out.insert(name);
  }
  return out;
}

bool has_sanitizer(const std::string& file) {
  return symbols("", file).contains("__asan_init");
}

bool has_variant_symbol(const std::string& file) {
  for (const std::string& name : symbols("", file)) {
    if (name.find("kTestVariant") != std::string::npos) return true;
  }
  return false;
}

std::string install_script_beside(const std::string& program) {
  return cli::read_file(std::filesystem::path(program).parent_path() / "cmake_install.cmake");
}

}  // namespace

Test(shipped, cannot_run_programs) {
  if (has_sanitizer(vpnd_program())) {
    cr_skip_test("the sanitizer's own runtime is linked in, and can");
  }
  // The controls: this very test can, and the reading of the program reads something.
  cr_assert(
      means_to_run_programs(std::filesystem::read_symlink("/proc/self/exe")).contains("popen"));
  cr_assert(symbols("-D --undefined-only", vpnd_program()).contains("fork"));
  for (const std::string& name : means_to_run_programs(vpnd_program())) {
    cr_assert_fail("vpnd imports %s", name.c_str());
  }
}

Test(shipped, has_nothing_of_the_test_variants) {
  for (const char* name : {"plain", "epoll", "nowall", "unowned", "deaf", "nocipher", "two"}) {
    const char* variant = variant_program(name);
    cr_assert(has_variant_symbol(variant), "%s", variant);
    cr_assert(cli::read_file(variant).find(kMark) != std::string::npos, "%s", variant);
  }
  cr_assert_not(has_variant_symbol(vpnd_program()));
  cr_assert(cli::read_file(vpnd_program()).find(kMark) == std::string::npos);
}

Test(shipped, installs_no_variant) {
  const std::string tools = install_script_beside(vpnd_program());
  cr_assert(tools.find("TYPE EXECUTABLE") != std::string::npos, "%s", tools.c_str());
  cr_assert(tools.find("vpnd_") == std::string::npos, "%s", tools.c_str());
  const std::string variants = install_script_beside(variant_program("plain"));
  cr_assert(!variants.empty());
  cr_assert(variants.find("TYPE EXECUTABLE") == std::string::npos, "%s", variants.c_str());
}
