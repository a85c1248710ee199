// Fills an index with an archive of any size, without stored attributes: for measurements and plans at scale. Run again
// after an end of any kind, it goes on where it was.
// Usage: bench_index_fill --url URL [--studies N] [--seed N]; URL as `index.url`. Progress goes to stderr.

#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>

#include "contract/archive_rows.hpp"
#include "gantry/server/providers.hpp"

namespace {

using namespace gantry;

int usage() {
  std::fprintf(stderr, "usage: bench_index_fill --url URL [--studies N] [--seed N]\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  config::Settings settings;
  settings.index.url.clear();
  settings.index.migrate = true;
  settings.index.statement_time = std::chrono::minutes(5);
  std::uint64_t studies = 20'000, seed = 1;
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 >= argc) return usage();
    const std::string name = argv[i];
    if (name == "--url") {
      settings.index.url = argv[i + 1];
    } else if (name == "--studies") {
      studies = std::strtoull(argv[i + 1], nullptr, 10);
    } else if (name == "--seed") {
      seed = std::strtoull(argv[i + 1], nullptr, 10);
    } else {
      return usage();
    }
  }
  if (settings.index.url.empty() || studies == 0) return usage();

  auto store = server::open_tables(settings);
  if (!store) {
    std::fprintf(stderr, "%s\n", store.error().detail().c_str());
    return 1;
  }
  const auto began = Clock::now();
  std::uint64_t first = 0, shown = 0;
  const auto told = [&](std::uint64_t done) {
    if (first == 0) first = done;
    if (done < shown + studies / 100 && done < studies) return;
    shown = done;
    const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
    std::fprintf(stderr, "\r%llu of %llu studies, %.0f a second  ", static_cast<unsigned long long>(done),
                 static_cast<unsigned long long>(studies), static_cast<double>(done - first) / seconds);
  };
  const auto filled = index::contract::fill(**store, index::contract::Archive(studies, seed), told);
  std::fprintf(stderr, "\n");
  if (!filled) {
    std::fprintf(stderr, "%s\nrun it again to go on\n", filled.error().detail().c_str());
    return 1;
  }
  std::fprintf(stderr, "%llu studies are there after %.0f s\n", static_cast<unsigned long long>(studies),
               std::chrono::duration<double>(Clock::now() - began).count());
  return 0;
}
