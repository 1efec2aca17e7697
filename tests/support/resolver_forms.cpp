// SPDX-License-Identifier: ISC
#include "tests/support/resolver_forms.h"

#include <criterion/criterion.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace vpnd::test {
namespace {

namespace fs = std::filesystem;

constexpr char kFile[] = "/etc/resolv.conf", kMounted[] = "/etc/run/mounted";

void write(const char* path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace

const char* name_of(ResolverForm form) noexcept {
  constexpr const char* kNames[] = {"plain", "link", "dangling", "missing", "mounted", "read-only"};
  return kNames[static_cast<int>(form)];
}

void make_resolver(ResolverForm form, const std::string& text) {
  fs::create_directory("/etc/run");
  switch (form) {
    case ResolverForm::plain:
      write(kFile, text);
      cr_assert(::chown(kFile, 12, 34) == 0 && ::chmod(kFile, 0640) == 0);
      break;
    case ResolverForm::link:
      write("/etc/run/stub", text);
      fs::create_symlink("run/stub", kFile);
      break;
    case ResolverForm::dangling:
      fs::create_symlink("../run/nobody/made/this", kFile);
      break;
    case ResolverForm::missing:
      break;
    case ResolverForm::mounted:
    case ResolverForm::read_only:
      write(kMounted, text);
      write(kFile, "below the mount\n");
      cr_assert_eq(::mount(kMounted, kFile, nullptr, MS_BIND, nullptr), 0);
      break;
  }
  if (form != ResolverForm::read_only) return;
  const unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY;
  cr_assert_eq(::mount(nullptr, kFile, nullptr, flags, nullptr), 0);
}

std::set<std::string> picture_of_etc() {
  std::set<std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator("/etc")) {
    struct stat s {};
    cr_assert_eq(::lstat(entry.path().c_str(), &s), 0);
    std::ostringstream line;
    line << entry.path() << " mode " << std::oct << s.st_mode << std::dec << " of " << s.st_uid
         << ":" << s.st_gid << " inode " << s.st_ino;
    if (entry.is_symlink()) line << " -> " << fs::read_symlink(entry.path());
    if (S_ISREG(s.st_mode)) line << " = " << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    out.insert(line.str());
  }
  return out;
}

std::string text_of(const std::set<std::string>& picture) {
  std::string out;
  for (const auto& line : picture) {
    if (line.find("ld.so") == line.npos) out += line + "\n";
  }
  return out;
}

}  // namespace vpnd::test
