// SPDX-License-Identifier: ISC
#pragma once

// /etc/resolv.conf in the forms in which hosts have it, made in an /etc of the test's own
// (private_etc()), and what can be told of that folder afterwards.

#include <set>
#include <string>

namespace vpnd::test {

enum class ResolverForm {
  plain,     // a file, of another user, which not everybody may read
  link,      // a symbolic link to a file
  dangling,  // a symbolic link to nothing
  missing,
  mounted,    // a file over which another one is mounted
  read_only,  // the same, and nobody may write
};

const char* name_of(ResolverForm) noexcept;
// With this text where there is one. Criterion fails the test if it cannot be made.
void make_resolver(ResolverForm, const std::string& text);

// A line for each thing in /etc: name, mode, owners, inode, and content or target.
std::set<std::string> picture_of_etc();
// For a message.
std::string text_of(const std::set<std::string>& picture);

}  // namespace vpnd::test
