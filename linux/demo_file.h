// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <string_view>

#include "linux/fd.h"

namespace vpnd::demo {

// A file that is written once, whole, at the end: until then the old one stays, and afterwards
// nobody sees half of it. Its folder is opened at the beginning, and is then reached from other
// mount namespaces as well.
class PageFile {
 public:
  // Tries whether a file can be made there. What is there already must be a regular file: neither a
  // device nor somebody's symbolic link is replaced. Throws Error.
  explicit PageFile(std::string path);

  void write(std::string_view content) const;  // mode 0644. Throws Error

 private:
  Fd make() const;

  std::string path_, name_, temporary_;
  Fd folder_;
};

}  // namespace vpnd::demo
