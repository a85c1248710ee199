// The main() of tests that need a server: GANTRY_SERVER_VARIABLE is the environment variable that names it. Without the
// server they are skipped, but for where scripts/test has promised one (GANTRY_NEEDS_SERVICES): there they fail.

#include <cstdio>
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {
constexpr int kSkipped = 77;  // SKIP_RETURN_CODE of the test
}

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  if (!testing::GTEST_FLAG(list_tests) && std::getenv(GANTRY_SERVER_VARIABLE) == nullptr) {
    std::fprintf(stderr, "%s names no server; see scripts/services --help\n", GANTRY_SERVER_VARIABLE);
    return std::getenv("GANTRY_NEEDS_SERVICES") != nullptr ? 1 : kSkipped;
  }
  return RUN_ALL_TESTS();
}
