// SPDX-License-Identifier: ISC
#pragma once

// A queue from one thread to one other that never waits: push() by the first only, pop() by the
// second only. Each value is allocated, so it is not for packets.

#include <atomic>
#include <optional>
#include <utility>

namespace vpnd {

template<class T>
class Mailbox {
 public:
  Mailbox() : front_(new Node), back_(front_) {}
  ~Mailbox() {
    while (front_ != nullptr) delete std::exchange(front_, front_->next.load());
  }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  void push(T&& value) {
    Node* node = new Node;
    node->value.emplace(std::move(value));
    back_->next.store(node, std::memory_order_release);
    back_ = node;
  }
  std::optional<T> pop() {
    Node* next = front_->next.load(std::memory_order_acquire);
    if (next == nullptr) return std::nullopt;
    delete std::exchange(front_, next);
    return std::exchange(next->value, std::nullopt);
  }

 private:
  struct Node {
    std::optional<T> value;
    std::atomic<Node*> next{nullptr};
  };
  alignas(64) Node* front_;  // the reader's: a node that was read already
  alignas(64) Node* back_;   // the writer's
};

}  // namespace vpnd
