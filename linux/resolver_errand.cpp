// SPDX-License-Identifier: ISC
// The only place that loads a library at run time: a VPN need not pull in the libraries of
// systemd-resolved's client where there is none. The functions are declared after the manual pages
// sd_bus_call(3), sd_bus_message_new_method_call(3), sd_bus_message_append(3) and
// sd_bus_message_read(3); they are of libsystemd 221 and later.
#include "linux/resolver_errand.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "core/base/error.h"
#include "linux/confine.h"

namespace vpnd::nl {
namespace {

constexpr std::uint64_t kCallMicroseconds = 2'500'000;
constexpr char kResolved[] = "org.freedesktop.resolve1";
constexpr char kResolvedPath[] = "/org/freedesktop/resolve1";
constexpr char kManager[] = "org.freedesktop.resolve1.Manager";

struct BusError {
  const char* name;
  const char* message;
  int need_free;
};

// Bus and message are opaque to us.
struct Library {
  int (*open_system)(void** bus);
  int (*new_call)(void* bus, void** message, const char* destination, const char* path,
                  const char* interface, const char* member);
  int (*call)(void* bus, void* message, std::uint64_t usec, BusError*, void** reply);
  int (*append)(void* message, const char* types, ...);
  int (*append_array)(void* message, char type, const void* data, std::size_t size);
  int (*open_container)(void* message, char type, const char* contents);
  int (*close_container)(void* message);
  int (*read)(void* message, const char* types, ...);

  Library() {
    void* const handle = ::dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) throw Error("load libsystemd");
    find(handle, open_system, "sd_bus_open_system");
    find(handle, new_call, "sd_bus_message_new_method_call");
    find(handle, call, "sd_bus_call");
    find(handle, append, "sd_bus_message_append");
    find(handle, append_array, "sd_bus_message_append_array");
    find(handle, open_container, "sd_bus_message_open_container");
    find(handle, close_container, "sd_bus_message_close_container");
    find(handle, read, "sd_bus_message_read");
  }

 private:
  template<typename Function>
  static void find(void* handle, Function& function, const char* name) {
    void* const found = ::dlsym(handle, name);
    if (found == nullptr) throw Error(fmt::format("find {} in libsystemd", name));
    function = reinterpret_cast<Function>(found);
  }
};

// Nothing is freed: the process ends when its errand is done.
class Bus {
 public:
  Bus() {
    if (const int n = library_.open_system(&bus_); n < 0) throw Error("reach the system bus", -n);
  }

  // Who has resolved's name. The bus itself answers, so nobody is started by the question.
  std::uint32_t owner() {
    void* const message = prepare("org.freedesktop.DBus", "/org/freedesktop/DBus",
                                  "org.freedesktop.DBus", "GetConnectionUnixProcessID");
    check(library_.append(message, "s", kResolved));
    std::uint32_t pid = 0;
    check(library_.read(send(message), "u", &pid));
    return pid;
  }

  // Empty: it is older than the property (v247).
  std::string resolv_conf_mode() {
    void* const message =
        prepare(kResolved, kResolvedPath, "org.freedesktop.DBus.Properties", "Get");
    check(library_.append(message, "ss", kManager, "ResolvConfMode"));
    void* const reply = send(message, true);
    const char* mode = "";
    if (reply != nullptr) check(library_.read(reply, "v", "s", &mode));
    return mode;
  }

  void set_servers(int link, const std::vector<Address>& servers) {
    void* const message = manager("SetLinkDNS");
    check(library_.append(message, "i", link));
    check(library_.open_container(message, 'a', "(iay)"));
    for (const Address& a : servers) {
      check(library_.open_container(message, 'r', "iay"));
      check(library_.append(message, "i", a.is_v4() ? AF_INET : AF_INET6));
      check(library_.append_array(message, 'y', a.bytes().data(), a.bytes().size()));
      check(library_.close_container(message));
    }
    check(library_.close_container(message));
    send(message);
  }

  // The root as a routing-only domain: every name that no other link claims more precisely.
  void set_domains(int link, const std::vector<std::string>& search) {
    void* const message = manager("SetLinkDomains");
    check(library_.append(message, "i", link));
    check(library_.open_container(message, 'a', "(sb)"));
    for (const std::string& d : search) check(library_.append(message, "(sb)", d.c_str(), 0));
    check(library_.append(message, "(sb)", ".", 1));
    check(library_.close_container(message));
    send(message);
  }

  void revert(int link) {
    void* const message = manager("RevertLink");
    check(library_.append(message, "i", link));
    send(message);
  }

  // What an older one does not know, or was built without, need not be turned off.
  void set_if_known(int link, const char* member, const char* type, auto value) {
    void* const message = manager(member);
    check(library_.append(message, "i", link));
    check(library_.append(message, type, value));
    send(message, true);
  }

  void flush_caches() { send(manager("FlushCaches"), true); }

 private:
  static void check(int n) {
    if (n < 0) throw Error("write a bus message", -n);
  }

  void* prepare(const char* destination, const char* path, const char* interface,
                const char* member) {
    void* message = nullptr;
    check(library_.new_call(bus_, &message, destination, path, interface, member));
    doing_ = member;
    return message;
  }
  void* manager(const char* member) { return prepare(kResolved, kResolvedPath, kManager, member); }

  // The reply; null: it does not know that, and `optional` forgives it.
  void* send(void* message, bool optional = false) {
    BusError error{};
    void* reply = nullptr;
    const int n = library_.call(bus_, message, kCallMicroseconds, &error, &reply);
    if (n >= 0) return reply;
    const std::string name = error.name == nullptr ? "" : error.name;
    const bool unknown = name.ends_with(".UnknownMethod") || name.ends_with(".UnknownProperty") ||
                         name.ends_with(".NotSupported");
    if (optional && unknown) return nullptr;
    throw Error(doing_, -n, error.message == nullptr ? name : error.message);
  }

  Library library_;
  void* bus_ = nullptr;
  const char* doing_ = "";
};

void set(Bus& bus, int link, const DnsServers& dns) {
  try {
    bus.set_servers(link, dns.servers);
    bus.set_domains(link, dns.domains);
    bus.set_if_known(link, "SetLinkDefaultRoute", "b", 1);
    // Neither is of any use in the tunnel, and both tell names to whoever listens.
    bus.set_if_known(link, "SetLinkLLMNR", "s", "no");
    bus.set_if_known(link, "SetLinkMulticastDNS", "s", "no");
    // The tunnel is encrypted, and its resolver may have no name to check a certificate for.
    bus.set_if_known(link, "SetLinkDNSOverTLS", "s", "no");
    bus.flush_caches();
  } catch (const Error&) {
    bus.revert(link);
    throw;
  }
}

void say(int socket, std::string_view text) noexcept {
  (void)::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
}

}  // namespace

int run_resolver_errand(const ResolverErrand& errand, int socket, pid_t parent) noexcept {
  try {
    confine_helper(parent);
    Bus bus;
    say(socket, fmt::format("{} {}", bus.owner(), bus.resolv_conf_mode()));
    char word = 0;
    if (::recv(socket, &word, 1, 0) != 1) return 0;
    if (errand.dns != nullptr) {
      set(bus, errand.link, *errand.dns);
    } else {
      bus.revert(errand.link);
      bus.flush_caches();
    }
    say(socket, kErrandDone);
    return 0;
  } catch (const std::exception& e) {
    try {
      say(socket, std::string(kErrandFailed) + e.what());
    } catch (...) {
    }
    return 1;
  }
}

}  // namespace vpnd::nl
