// SPDX-License-Identifier: ISC
#include "linux/state_dir.h"

#include <criterion/criterion.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "tests/support/folder.h"

using namespace vpnd;
using test::Folder;

namespace {

std::string only_file_in(const Folder& folder) {
  return std::filesystem::directory_iterator(folder.path)->path().string();
}

wire::InstanceId of(const std::string& path, const char* host = "h", const char* tun = "vpn0") {
  nl::StateDir dir(path);
  return dir.instance(host, tun);
}

}  // namespace

Test(state_dir, an_instance_stays_the_same) {
  const Folder folder;
  const auto first = of(folder.path);
  cr_assert(first != wire::InstanceId{});
  cr_assert(of(folder.path) == first);
  cr_assert(of(folder.path, "other") != first);
  cr_assert(of(folder.path, "h", "vpn1") != first);
}

Test(state_dir, two_at_once_are_two_instances) {
  const Folder folder;
  nl::StateDir one(folder.path);
  const auto first = one.instance("h", "vpn0");
  cr_assert(of(folder.path) != first);
}

Test(state_dir, what_a_power_failure_left_is_no_instance) {
  const Folder folder;
  const auto first = of(folder.path);
  const std::string file = only_file_in(folder);
  for (const std::size_t left : {std::size_t{0}, std::size_t{7}, first.size()}) {
    std::ofstream(file, std::ios::trunc) << std::string(left, '\0');
    const auto next = of(folder.path);
    cr_assert(next != first && next != wire::InstanceId{}, "%zu zeros", left);
    cr_assert(of(folder.path) == next, "%zu zeros", left);
  }
}

Test(state_dir, a_lease_secret_stays_the_same) {
  const Folder folder;
  std::array<std::array<char, 32>, 2> kept{};
  for (auto& secret : kept) {
    nl::StateDir dir(folder.path);
    const Fd fd = dir.lease_secret();
    cr_assert_eq(::pread(fd.get(), secret.data(), secret.size(), 0), 32);
  }
  cr_assert(kept[0] == kept[1]);
  cr_assert(kept[0] != (std::array<char, 32>{}));
}
