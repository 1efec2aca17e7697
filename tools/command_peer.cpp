// SPDX-License-Identifier: ISC

// peer add, list, revoke: the clients of a server that has a key pair. The list stands beside the
// server's key file and is read anew by a running server when it changes.

#include <fmt/format.h>

#include <algorithm>

#include "core/plan/suggest.h"
#include "core/wire/key_issue.h"
#include "tools/command.h"
#include "tools/private_file.h"

namespace vpnd {
namespace {

struct List {
  std::string path;
  std::string text;
  std::vector<wire::PeerEntry> entries;

  explicit List(const std::string& key_file) : path(key_file + ".peers") {
    text = read_private_text(path);
    entries = wire::parse_peer_list(text, path);
  }
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  ~List() { wire::wipe_text(text); }

  const wire::PeerEntry* find(const std::string& name) const {
    const auto it = std::find_if(entries.begin(), entries.end(),
                                 [&](const auto& entry) { return entry.name == name; });
    return it == entries.end() ? nullptr : &*it;
  }
};

wire::ServerKey server_key(const std::string& path) {
  wire::KeyFile file = read_key(path);
  if (auto* server = std::get_if<wire::ServerKey>(&file)) return std::move(*server);
  throw config_error(std::holds_alternative<wire::SharedKey>(file)
                         ? fmt::format("{} is a shared key: whoever has it is a client", path)
                         : fmt::format("{} is a client's key", path),
                     "peers belong to a server's key, made by: vpnd genkey --server FILE");
}

const std::vector<std::string>& expect(const Arguments& arguments, std::size_t count,
                                       const char* form) {
  if (arguments.positional.size() == count) return arguments.positional;
  throw usage_error(arguments.positional.size() < count ? "an argument is missing"
                                                        : "there is an argument too many",
                    fmt::format("usage: vpnd peer {}", form));
}

std::optional<Address> pinned_address(const std::string& text, const List& list) {
  if (text.empty()) return std::nullopt;
  const auto address = Address::parse(text);
  if (!address || !address->is_v4()) {
    throw usage_error(fmt::format("\"{}\" is not an IPv4 address", text));
  }
  for (const auto& entry : list.entries) {
    if (entry.address == address) {
      throw usage_error(fmt::format("{} belongs to \"{}\" already", text, entry.name));
    }
  }
  return address;
}

// Without the line of that peer; comments and the other lines stay as they are.
std::string without(const std::string& text, const std::string& name) {
  std::string rest;
  rest.reserve(text.size());
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size() - 1) + 1;
    const std::string_view line(text.data() + start, end - start);
    const std::size_t word = std::min(line.find_first_not_of(" \t"), line.size());
    const std::size_t stop = std::min(line.find_first_of(" \t\r\n", word), line.size());
    if (line.substr(word, stop - word) != name) rest += line;
    start = end;
  }
  return rest;
}

void append(List& list, const wire::PeerEntry& entry) {
  std::string line = wire::peer_line(entry);
  std::string text;
  text.reserve(list.text.size() + line.size() + 2);
  text = list.text;
  if (!text.empty() && text.back() != '\n') text.push_back('\n');
  text += line;
  text.push_back('\n');
  wire::wipe_text(line);
  replace_private(list.path, text);
  wire::wipe_text(text);
}

[[noreturn]] void no_such_peer(const List& list, const std::string& name) {
  std::vector<std::string> names;
  for (const auto& entry : list.entries) names.push_back(entry.name);
  throw Error(
      fmt::format("no peer \"{}\" in {}{}", name, list.path, plan::did_you_mean(name, names)));
}

Exit run_peer_add(const Arguments& arguments) {
  const auto& words = expect(arguments, 2, "add KEY NAME [--address IP] [-o FILE]");
  const std::string& name = words[1];
  if (!wire::valid_peer_name(name)) {
    throw usage_error(fmt::format("\"{}\" cannot be the name of a peer", name),
                      "1 to 32 letters, digits, '.', '_' or '-', beginning with a letter or digit");
  }
  const wire::ServerKey server = server_key(words[0]);
  const FileLock lock(words[0]);
  List list(words[0]);
  if (list.find(name) != nullptr) {
    throw Error(fmt::format("\"{}\" is in {} already", name, list.path), 0, {}, Exit::failure,
                fmt::format("to give it a new key: vpnd peer revoke {} {}", words[0], name));
  }
  const auto address = pinned_address(arguments.address, list);
  const wire::NewPeer made = wire::new_peer(server, name, address, wire::key_entropy());
  std::string line = wire::client_line(made.client);
  line.push_back('\n');
  // The client's file first: a peer whose key nobody has would be of no use.
  if (!arguments.output.empty()) write_new_private(arguments.output, line);
  append(list, made.entry);
  if (arguments.output.empty()) {
    write_out(line);
  } else {
    write_out(
        fmt::format("wrote {} (the key of \"{}\", mode 0600)\n"
                    "next         move it to the client, then there: vpnd client {} SERVER\n",
                    arguments.output, name, arguments.output));
  }
  wire::wipe_text(line);
  return Exit::ok;
}

Exit run_peer_list(const Arguments& arguments) {
  const auto& words = expect(arguments, 1, "list KEY");
  server_key(words[0]);
  const List list(words[0]);
  for (const auto& entry : list.entries) {
    write_out(fmt::format("{:<20} {}  {}\n", entry.name, wire::public_key_text(entry.key),
                          entry.address ? entry.address->text() : "-"));
  }
  return Exit::ok;
}

Exit run_peer_revoke(const Arguments& arguments) {
  const auto& words = expect(arguments, 2, "revoke KEY NAME");
  server_key(words[0]);
  const FileLock lock(words[0]);
  const List list(words[0]);
  if (list.find(words[1]) == nullptr) no_such_peer(list, words[1]);
  std::string rest = without(list.text, words[1]);
  replace_private(list.path, rest);
  wire::wipe_text(rest);
  write_out(fmt::format("revoked \"{}\"; a running server ends its session\n", words[1]));
  return Exit::ok;
}

}  // namespace

Command peer_add_command() {
  return {Command::Group::keys,
          "peer add",
          "KEY NAME",
          "a key for a new client",
          "make a key for a new client of the server that has KEY",
          run_peer_add,
          {{"--address", "IP", "inner IPv4 address that it always gets", &Arguments::address},
           {"-o,--output", "FILE", "new file for the client's key", &Arguments::output}}};
}

Command peer_list_command() {
  return {Command::Group::keys,
          "peer list",
          "KEY",
          "who may connect",
          "name, public key and pinned address of each",
          run_peer_list,
          {}};
}

Command peer_revoke_command() {
  return {Command::Group::keys, "peer revoke",   "KEY NAME", "shut a client out",
          "shut a client out",  run_peer_revoke, {}};
}

}  // namespace vpnd
