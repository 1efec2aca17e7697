// SPDX-License-Identifier: ISC
#include <fmt/format.h>

#include <algorithm>

#include "core/base/log.h"
#include "linux/held.h"

namespace vpnd::nl {
namespace {

class HeldTable final : public plan::Held {
 public:
  HeldTable(Sockets& s, const FilterTable& t) : sockets_(s), interface_(t.interface) {
    install(s.nft, t);
    if (s.spared_table == interface_) s.spared_table.clear();
  }
  ~HeldTable() override {
    if (!remove_table(sockets_.nft, interface_)) {
      log(Level::warning, "cannot remove the nft table of {}", interface_);
    }
  }

 private:
  Sockets& sockets_;
  std::string interface_;
};

class HeldWall final : public plan::Held {
 public:
  HeldWall(Sockets& s, const Wall& wall) : sockets_(s), interface_(wall.interface) {
    install(s.nft, wall);
    s.wall_stays = wall.stays;
    if (s.spared_wall == interface_) s.spared_wall.clear();
  }
  ~HeldWall() override {
    if (sockets_.wall_stays) return;
    if (!remove_wall(sockets_.nft, interface_)) {
      log(Level::warning, "cannot remove the wall of {}: \"vpnd cleanup {}\" does", interface_,
          interface_);
    }
  }

 private:
  Sockets& sockets_;
  std::string interface_;
};

class HeldAccept final : public plan::Held {
 public:
  HeldAccept(Sockets& s, const ForeignAccept& a) : sockets_(s), accept_(a) { take(); }
  ~HeldAccept() override {
    if (!remove(sockets_.nft, accept_)) {
      log(Level::warning, "cannot remove the accept for {} from chain {}", accept_.interface,
          accept_.chain);
    }
  }

 private:
  // The sweep has left it standing for us, in that chain or in one that it jumps to.
  void take() {
    auto& spared = sockets_.spared_accepts;
    const auto ours = [this](const ForeignAccept& a) {
      return a.interface == accept_.interface && a.family == accept_.family &&
             a.inet == accept_.inet && a.table == accept_.table;
    };
    const auto at = std::find_if(spared.begin(), spared.end(), ours);
    if (at == spared.end() || !present(sockets_.nft, accept_)) {
      insert(sockets_.nft, accept_);
      return;
    }
    spared.erase(at);
  }

  Sockets& sockets_;
  ForeignAccept accept_;
};

// One batch puts the whole table in place of what is left of it; who holds it knows only its name.
template<typename T>
void install_again(Sockets& s, const T& table, HeldPtr& held) {
  if (held) {
    install(s.nft, table);
  } else {
    held = hold(s, table);
  }
}

}  // namespace

HeldPtr hold(Sockets& s, const Wall& w) {
  return std::make_unique<HeldWall>(s, w);
}
HeldPtr hold(Sockets& s, const FilterTable& t) {
  return std::make_unique<HeldTable>(s, t);
}
HeldPtr hold(Sockets& s, const ForeignAccept& a) {
  return std::make_unique<HeldAccept>(s, a);
}
void remake(Sockets& s, const Wall& w, HeldPtr& held) {
  install_again(s, w, held);
}
void remake(Sockets& s, const FilterTable& t, HeldPtr& held) {
  install_again(s, t, held);
}
bool is_present(Sockets& s, const Wall& w) {
  return present(s.nft, w);
}
bool is_present(Sockets& s, const FilterTable& t) {
  return present(s.nft, t);
}
bool is_present(Sockets& s, const ForeignAccept& a) {
  return present(s.nft, a);
}

}  // namespace vpnd::nl
