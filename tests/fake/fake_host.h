// SPDX-License-Identifier: ISC
#pragma once

// A third definition of core/host.h: a machine that only remembers, and that can fail at any call.

#include <string>
#include <vector>

#include "core/base/addr.h"

namespace vpnd::fake {

// What stands on the fake machine, in the order in which it was made.
std::vector<std::string>& standing();
// Does this machine give nft tables an owner? It does at first.
bool& owns_tables();
// The n-th call from now on (1: the next one) throws Error; 0: none does.
void fail_at(unsigned n);
unsigned calls();  // since fail_at()
// Somebody removes the n-th thing that stands (the device is the first), and with the device all
// that hung on it.
void remove(std::size_t n);
std::vector<Address>& resolvers();  // what outer_resolvers() answers
std::string& way();                 // what way_to() answers

}  // namespace vpnd::fake
