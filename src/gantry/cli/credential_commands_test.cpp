#include "gantry/cli/credential_commands.hpp"

#include <array>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/auth/secret_token.hpp"
#include "gantry/cli/hidden_arguments.hpp"

namespace gantry::cli {
namespace {

using testing::HasSubstr;

TEST(CredentialCommands, ListsReadAsALineEach) {
  const auto keys = api_key_list_text(
      R"({"keys":[{"id":"a","name":"CT 3","tenant":"t","permissions":["read","write"],"created":"2026-01-01T00:00:00Z",)"
      R"("expires":"2020-01-01T00:00:00Z","last_used":null},{"id":"b","name":"x","tenant":"t","permissions":[],)"
      R"("created":"2026-01-01T00:00:00Z","expires":null,"last_used":"2026-02-01T00:00:00Z"}]})");
  ASSERT_TRUE(keys);
  EXPECT_EQ(*keys,
            "a  tenant t  read,write  expired 2020-01-01T00:00:00Z  never used  CT 3\n"
            "b  tenant t    until it is revoked  used about 2026-02-01T00:00:00Z  x\n");
  EXPECT_EQ(*share_list_text(R"({"shares":[]})"), "there are no shares\n");
  EXPECT_FALSE(share_list_text("nonsense"));
}

/// The arguments as others see them afterwards.
std::vector<std::string> hidden(std::vector<std::string> arguments) {
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  hide_secrets(static_cast<int>(argv.size()), argv.data());
  std::vector<std::string> seen;
  for (const char* argument : argv) seen.emplace_back(argument);
  return seen;
}

TEST(HiddenArguments, ShowNoPasswordsAndNoTokens) {
  const std::string key = auth::make_token(auth::kApiKeyPrefix).text;
  const auto seen = hidden({"gantry", "serve", "--index-url", "postgresql://gantry:hunter2x@db/x", "--token", "secret!",
                            "--token=secret!", "--cache-url=redis://:hunter2x@r/0", key, "--data", "/srv/images"});
  const std::string all = testing::PrintToString(seen);
  EXPECT_THAT(all, testing::Not(HasSubstr("hunter2x")));
  EXPECT_THAT(all, testing::Not(HasSubstr("secret!")));
  EXPECT_THAT(all, testing::Not(HasSubstr(key.substr(20))));
  EXPECT_THAT(seen[3], HasSubstr("postgresql://gantry:***@db/x"));
  EXPECT_EQ(seen[10], "/srv/images");
  EXPECT_EQ(hidden({"gantry", "--token"})[1], "--token");
}

}  // namespace
}  // namespace gantry::cli
