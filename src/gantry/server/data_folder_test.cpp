#include "gantry/server/data_folder.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gantry/base/sha256.hpp"

namespace gantry::server {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class DataFolderTest : public testing::Test {
 protected:
  ~DataFolderTest() override { fs::remove_all(path_); }
  const fs::path path_ = fs::temp_directory_path() / ("gantry-data-" + random_hex(8));
};

unsigned mode_of(const fs::path& path) {
  struct stat info {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0);
  return info.st_mode & 0777U;
}

TEST_F(DataFolderTest, IsMadeForItsOwnerAloneAndKeepsItsSecret) {
  std::string secret, identity;
  {
    auto folder = DataFolder::open(path_ / "deep");
    ASSERT_TRUE(folder) << folder.error().detail();
    secret = folder->secret();
    identity = folder->identity();
    EXPECT_EQ(secret.size(), 64U);
    EXPECT_EQ(mode_of(path_ / "deep"), 0700U);
    EXPECT_EQ(mode_of(path_ / "deep" / "secret"), 0600U);
  }
  auto again = DataFolder::open(path_ / "deep");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->secret(), secret);
  EXPECT_EQ(again->identity(), identity);
  EXPECT_THAT(secret, testing::Not(HasSubstr(identity)));
  auto other = DataFolder::open(path_ / "other");
  ASSERT_TRUE(other);
  EXPECT_NE(other->identity(), identity);
}

TEST_F(DataFolderTest, HasOneOwnerAndNamesItToTheNext) {
  {
    auto first = DataFolder::open(path_);
    ASSERT_TRUE(first);
    EXPECT_TRUE(*is_served(path_));
    auto second = DataFolder::open(path_);  // a second descriptor conflicts like a second process
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind(), ErrorKind::kConflict);
    EXPECT_THAT(second.error().detail(), HasSubstr("process " + std::to_string(::getpid())));
  }
  EXPECT_FALSE(*is_served(path_));
  EXPECT_TRUE(DataFolder::open(path_)) << "the lock goes with its owner";
}

TEST_F(DataFolderTest, RefusesADamagedSecretInsteadOfMakingAnother) {
  ASSERT_TRUE(DataFolder::open(path_));
  std::ofstream(path_ / "secret") << "short\n";
  auto folder = DataFolder::open(path_);
  ASSERT_FALSE(folder);
  EXPECT_THAT(folder.error().detail(), HasSubstr("damaged"));
}

TEST_F(DataFolderTest, HasASocketPathThatFitsHoweverDeepTheFolderIs) {
  auto shallow = DataFolder::open(path_);
  ASSERT_TRUE(shallow);
  EXPECT_EQ(shallow->admin_socket(), (path_ / "admin.sock").string());
  const auto deep = path_ / std::string(100, 'd') / std::string(100, 'e');
  auto folder = DataFolder::open(deep);
  ASSERT_TRUE(folder) << folder.error().detail();
  EXPECT_LT(folder->admin_socket().size(), 108U);
  std::ofstream(folder->admin_socket()) << "here";
  EXPECT_TRUE(fs::exists(deep / "admin.sock"));
  auto client = AdminSocket::in(deep);
  ASSERT_TRUE(client);
  EXPECT_LT(client->path().size(), 108U);
  EXPECT_TRUE(fs::exists(client->path()));
}

TEST_F(DataFolderTest, SaysWhenThereIsNoFolder) {
  EXPECT_EQ(is_served(path_).error().kind(), ErrorKind::kNotFound);
  std::ofstream(path_) << "a file";
  EXPECT_FALSE(DataFolder::open(path_));
}

}  // namespace
}  // namespace gantry::server
