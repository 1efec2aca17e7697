// SPDX-License-Identifier: ISC
#pragma once

// Objects made, looked for and taken back, one at a time. Each is noted in the journal before it is
// made and struck when it is gone.

#include <memory>
#include <string>
#include <vector>

#include "bsd/alias.h"
#include "bsd/journal.h"
#include "bsd/lower.h"
#include "bsd/route_socket.h"

namespace vpnd::bsd {

class Network {
 public:
  // `directory`: where the journals are.
  Network(System&, const Traits&, std::string directory) noexcept;

  // From now on changes are noted there; nullptr: nowhere.
  void note_in(std::unique_ptr<Journal>) noexcept;
  Journal* journal() noexcept { return journal_.get(); }

  HostFacts facts(const plan::Plan&);

  // Makes it, in the place of what same_thing() says is the same. Throws Error; then it is not
  // made.
  void make(const Object&);
  void undo(const Object&) noexcept;
  bool present(const Object&);

  // By which way packets go to that address now, for people; equal texts: the same way. Empty:
  // none.
  std::string way_to(const Address&);
  // The resolvers and by what they are set, or why they are not. Empty: nobody asked for any.
  const std::string& dns() const noexcept { return dns_; }

  // Removes what a dead process noted in the journal, and routes of ours that capture everything
  // and that no living tunnel has. One line for each thing.
  std::vector<std::string> sweep();
  // Of that, the resolver file only.
  std::vector<std::string> sweep_resolver();

 private:
  void put(const LinkUp&);
  void put(const AddressOn&);
  void put(const Route&);
  void put(const Forwarding&);
  void put(const plan::Resolver&);
  void take(const LinkUp&) noexcept {}  // goes with the device
  void take(const AddressOn&) noexcept;
  void take(const Route&) noexcept;
  void take(const Forwarding&) noexcept;
  void take(const plan::Resolver&) noexcept;
  bool is_there(const LinkUp&);
  bool is_there(const AddressOn&);
  bool is_there(const Route&);
  bool is_there(const Forwarding&);
  bool is_there(const plan::Resolver&);

  std::optional<Hop> default_hop(Family, std::uint16_t* interface);
  int configure(Ioctl);
  std::vector<JournalCopy> others() const;
  void note(const std::string& line) noexcept;
  void strike(const std::string& line) noexcept;
  void sweep_routes(std::vector<std::string>& done);
  void sweep_device(std::vector<std::string>& done);

  System& system_;
  const Traits& traits_;
  std::string directory_;
  RouteSocket routes_;
  std::unique_ptr<Journal> journal_;
  std::string dns_;
};

// What is left of one dead tunnel (empty: of all of them), taken back without any tunnel of our
// own. Throws Error: Exit::temporary while that tunnel lives.
std::vector<std::string> clean_up(System&, const Traits&, const std::string& state_directory,
                                  const std::string& interface);

}  // namespace vpnd::bsd
