// SPDX-License-Identifier: ISC

// genkey, pubkey, fingerprint.

#include <fmt/format.h>

#include <cstdio>

#include "core/wire/key_issue.h"
#include "tools/command.h"
#include "tools/private_file.h"

namespace vpnd {
namespace {

// A text that wipes itself.
struct SecretText {
  std::string text;
  SecretText() = default;
  explicit SecretText(std::string from) : text(std::move(from)) {}
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;
  ~SecretText() { wire::wipe_text(text); }
};

std::string_view raw(const wire::SharedKey& shared) {
  const auto bytes = shared.key.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void to_output(std::string&& line) {
  SecretText secret(std::move(line));
  if (output_is_public()) {
    std::fputs(
        "vpnd: warning: the key goes to a file that others can read\n"
        "  \"vpnd genkey FILE\" makes one that they cannot\n",
        stderr);
  }
  write_out(secret.text);
  write_out("\n");
}

Exit make_shared(const std::string& file) {
  const wire::SharedKey key = wire::new_shared_key(wire::key_entropy());
  if (file.empty()) {
    to_output(wire::shared_text(key));
    return Exit::ok;
  }
  write_new_private(file, raw(key));
  const std::string print = wire::fingerprint(wire::SharedKey{key.key.clone()});
  write_out(
      fmt::format("wrote {} (a shared key, mode 0600)\n"
                  "fingerprint  {}\n"
                  "next         copy it to the other machine over a safe way, then\n"
                  "             vpnd server {}          on one\n"
                  "             vpnd client {} SERVER   on the other\n",
                  file, print, file, file));
  return Exit::ok;
}

Exit make_server(const std::string& file) {
  wire::ServerKey key = wire::new_server_key(wire::key_entropy());
  SecretText line(wire::server_line(key));
  if (file.empty()) {
    to_output(std::move(line.text));
    return Exit::ok;
  }
  line.text.push_back('\n');
  write_new_private(file, line.text);
  const wire::KeyFile made(std::move(key));
  write_out(
      fmt::format("wrote {} (a server's key, mode 0600)\n"
                  "public key   {}\n"
                  "fingerprint  {}\n"
                  "next         vpnd peer add {} NAME -o NAME.key   for each client\n",
                  file, wire::public_key_text(made).value_or(""), wire::fingerprint(made), file));
  return Exit::ok;
}

Exit run_genkey(const Arguments& arguments) {
  const std::string file = argument_or(arguments, "");
  return arguments.server_key ? make_server(file) : make_shared(file);
}

Exit run_pubkey(const Arguments& arguments) {
  const std::string file = argument_or(arguments, "-");
  const auto text = wire::public_key_text(read_key(file));
  if (!text) {
    throw config_error("a shared key has no public key",
                       "\"vpnd fingerprint FILE\" gives a text to compare on both sides");
  }
  write_out(*text + "\n");
  return Exit::ok;
}

Exit run_fingerprint(const Arguments& arguments) {
  const std::string file = argument_or(arguments, "");
  if (file.empty())
    throw usage_error("fingerprint needs a key file", "usage: vpnd fingerprint FILE");
  write_out(wire::fingerprint(read_key(file)) + "\n");
  return Exit::ok;
}

}  // namespace

Command genkey_command() {
  return {Command::Group::keys,
          "genkey",
          "[FILE]",
          "a shared key; --server: with a list of peers",
          "make a key in a new file of mode 0600, or as text on stdout",
          run_genkey,
          {{"--shared", "", "one key for both sides (the default)", &Arguments::shared_key},
           {"--server", "", "for a server whose clients have their own keys",
            &Arguments::server_key, 0, 0, "--shared"}}};
}

Command pubkey_command() {
  return {Command::Group::keys,
          "pubkey",
          "[FILE]",
          "of a server's or client's key",
          "print the public key of a server's or client's key, from FILE or stdin",
          run_pubkey,
          {}};
}

Command fingerprint_command() {
  return {Command::Group::keys,
          "fingerprint",
          "FILE",
          "to compare on both sides",
          "print a short text that must be the same on both sides",
          run_fingerprint,
          {}};
}

}  // namespace vpnd
