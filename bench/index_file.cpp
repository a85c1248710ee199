// How long indexing a file takes: bench_index_file FILE prints, for each file named, microseconds without the reading,
// those that hashing alone takes, and what is left for parsing, JSON and layout.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "gantry/base/sha256.hpp"
#include "gantry/dicom/instance_indexer.hpp"

namespace {

using namespace gantry;

constexpr int kRounds = 300;

// The median of many rounds, in microseconds.
template <class Work>
double median_us(Work work) {
  std::vector<double> times;
  for (int i = 0; i < kRounds; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    times.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count());
  }
  std::nth_element(times.begin(), times.begin() + kRounds / 2, times.end());
  return times[kRounds / 2];
}

}  // namespace

int main(int count, char** names) {
  for (int i = 1; i < count; ++i) {
    std::ifstream file(names[i], std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    const auto bytes = std::as_bytes(std::span(content));
    std::size_t json = 0;
    bool ok = true;
    const double whole = median_us([&] {
      dicom::InstanceIndexer indexer;
      ok = indexer.feed(bytes).ok();
      if (!ok) return;
      const auto instance = indexer.finish();
      ok = instance.ok();
      if (ok) json = instance->json.size();
    });
    std::uint8_t kept = 0;
    const double hashing =
        median_us([&] { kept = static_cast<std::uint8_t>(kept ^ sha256(bytes)[0] ^ sha256(bytes)[1]); });
    std::printf("%-60s %9zu bytes %8zu of JSON  whole %9.1f us  hashing twice %9.1f us  rest %7.1f us%s\n", names[i],
                content.size(), json, whole, hashing, whole - hashing, ok ? "" : "  (refused)");
  }
  return 0;
}
