// SPDX-License-Identifier: ISC
#pragma once

// The socket of one way out of a leak check. It carries no mark, and nothing of it stays.

#include <cstdint>
#include <string>
#include <vector>

#include "core/plan/leak.h"
#include "linux/fd.h"

namespace vpnd::nl {

class Canary {
 public:
  // Makes and binds the socket, sends nothing yet. What fails is a refusal, never an exception.
  Canary(const plan::Way&, std::vector<std::uint8_t> content);

  // This socket's alone; 0: there is none.
  std::uint16_t source_port() const noexcept { return source_port_; }
  void send() noexcept;
  // Hears answers and late refusals; asks, once it is connected. Never blocks.
  void step() noexcept;

  bool answered() const noexcept { return answered_; }
  int refusal() const noexcept { return refusal_; }  // errno; 0: none so far

 private:
  void open() noexcept;
  bool prepare() noexcept;
  bool take_port() noexcept;
  void finish_connecting() noexcept;
  void listen() noexcept;
  void refused(int error) noexcept;

  plan::Way way_;
  std::vector<std::uint8_t> content_;
  Fd fd_;
  std::uint16_t source_port_ = 0;
  int refusal_ = 0;
  bool connected_ = false, answered_ = false;
};

}  // namespace vpnd::nl
