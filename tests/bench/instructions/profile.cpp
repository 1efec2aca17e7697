// SPDX-License-Identifier: ISC
#include "tests/bench/instructions/profile.h"

#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

namespace vpnd::bench {
namespace {

enum class Side { ours, sodium, kernel };

class Reader {
 public:
  explicit Reader(std::istream& in) : in_(in) {}
  Profile read();

 private:
  using Names = std::map<std::string, std::string, std::less<>>;
  bool specification(std::string_view line);
  void call();
  static std::string name(Names&, std::string_view text);
  static Side side(std::string_view object, std::string_view function);
  static std::uint64_t cost(std::string_view line);

  std::istream& in_;
  Profile profile_;
  Names objects_, functions_;
  std::string object_, function_, called_object_, called_function_;
};

// "(7) text" the first time, "(7)" from then on.
std::string Reader::name(Names& names, std::string_view text) {
  if (!text.starts_with('(')) return std::string(text);
  const auto end = text.find(')') + 1;  // 0: there is none
  const std::string id(text.substr(0, end));
  if (end == 0) throw std::runtime_error("a name without an end: " + std::string(text));
  if (text.size() > end + 1) names[id] = text.substr(end + 1);
  const auto found = names.find(id);
  if (found == names.end()) throw std::runtime_error("a name that was never given: " + id);
  return found->second;
}

Side Reader::side(std::string_view object, std::string_view function) {
  if (object.find("/libsodium.so") != object.npos) return Side::sodium;
  return function.starts_with("vpnd::bench::kernel::") ? Side::kernel : Side::ours;
}

// "+3 17": a position, and the cost unless it is zero.
std::uint64_t Reader::cost(std::string_view line) {
  const auto space = line.find(' ');
  return space == line.npos ? 0 : std::stoull(std::string(line.substr(space + 1)));
}

// The line behind "calls=": the cost of all these calls with what they called.
void Reader::call() {
  std::string line;
  if (!std::getline(in_, line)) throw std::runtime_error("a call without its cost");
  if (side(object_, function_) != Side::ours) return;  // counted there already
  const Side to = side(called_object_, called_function_);
  if (to == Side::sodium) profile_.sodium += cost(line);
  if (to == Side::kernel) profile_.kernel += cost(line);
}

// False: a line of costs.
bool Reader::specification(std::string_view line) {
  const auto equals = line.find('=');
  if (line.empty() || (equals == line.npos && line.find(':') != line.npos)) return true;
  if (equals == line.npos) return line.starts_with('#');
  const std::string_view key = line.substr(0, equals), value = line.substr(equals + 1);
  if (key == "ob") object_ = called_object_ = name(objects_, value);
  if (key == "fn") function_ = name(functions_, value);
  if (key == "cob") called_object_ = name(objects_, value);
  if (key == "cfn") called_function_ = name(functions_, value);
  if (key == "calls") {
    call();
    called_object_ = object_;
  }
  return true;
}

Profile Reader::read() {
  bool of_instructions = false;
  for (std::string line; std::getline(in_, line);) {
    of_instructions = of_instructions || line == "events: Ir";
    if (!specification(line)) profile_.all += cost(line);
  }
  if (!of_instructions || profile_.all == 0) throw std::runtime_error("nothing was counted");
  return profile_;
}

}  // namespace

Profile read_profile(std::istream& in) {
  return Reader(in).read();
}

}  // namespace vpnd::bench
