// SPDX-License-Identifier: ISC
#include "tests/bench/bench.h"

#include "crypto/random.h"

namespace vpnd::bench {
namespace {

struct Named {
  crypto::Cipher cipher;
  const char* name;
};
constexpr Named kCiphers[] = {{crypto::Cipher::aegis256, "AEGIS-256"},
                              {crypto::Cipher::aes256_gcm, "AES-256-GCM"},
                              {crypto::Cipher::chacha20_poly1305, "ChaCha20-Poly1305"}};

}  // namespace

void for_each_cipher(const std::string& name, void (*run)(benchmark::State&, crypto::Cipher)) {
  for (const Named& c : kCiphers) {
    if ((crypto::offered_ciphers() & static_cast<unsigned>(c.cipher)) == 0) continue;
    auto* benchmark = benchmark::RegisterBenchmark((name + "/" + c.name).c_str(), run, c.cipher);
    for (const std::int64_t size : kSizes) benchmark->Arg(size);
  }
}

}  // namespace vpnd::bench

int main(int argc, char** argv) {
  vpnd::crypto::init();
  vpnd::bench::add_aead();
  vpnd::bench::add_records();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 64;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
