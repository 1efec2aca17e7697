// SPDX-License-Identifier: ISC
#pragma once

// What must outlive the process: the secret that seals lease cookies, and the ids by which a server
// knows a client again. Where the directory cannot be written everything is made anew, and told.

#include <string>
#include <vector>

#include "bsd/fd.h"
#include "core/base/addr.h"
#include "core/wire/hello.h"

namespace vpnd::bsd {

// All missing ones; false: it is not there afterwards.
bool make_directories(const std::string& path, unsigned mode) noexcept;

class StateDir {
 public:
  explicit StateDir(std::string path);

  // 32 bytes to be read by pread. Made once. Throws Error.
  Fd lease_secret();
  // Of this server and interface, locked for as long as this object lives. A second process on the
  // same pair gets a fresh one that is not kept.
  wire::InstanceId instance(const std::string& host, const std::string& interface);

  // The addresses that a server's name had last.
  void remember(const std::string& host, const std::vector<Endpoint>&) const noexcept;
  std::vector<Endpoint> recall(const std::string& host, std::uint16_t port) const;

 private:
  std::string path_;
  std::vector<Fd> locks_;
};

// Of what lease_secret() gave. Throws Error.
Prefix pool_v6_of(const Fd& lease_secret);

}  // namespace vpnd::bsd
