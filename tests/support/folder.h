// SPDX-License-Identifier: ISC
#pragma once

// A folder of a test's own, gone with what is in it.

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace vpnd::test {

struct Folder {
  std::string path = (std::filesystem::temp_directory_path() / "vpnd-test-XXXXXX").string();

  // For its owner only, unless `mode` says otherwise. Throws std::system_error.
  explicit Folder(mode_t mode = 0700) {
    if (::mkdtemp(path.data()) == nullptr || ::chmod(path.c_str(), mode) != 0) {
      throw std::system_error(errno, std::generic_category(), path);
    }
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }

  std::string in(const std::string& name) const { return path + "/" + name; }
};

}  // namespace vpnd::test
