// What `gantry store` knows without a server: files, answers, the ledger, the report.

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/base/sha256.hpp"
#include "gantry/cli/file_list.hpp"
#include "gantry/cli/store_answer_reader.hpp"
#include "gantry/cli/store_ledger.hpp"
#include "gantry/cli/store_progress.hpp"
#include "gantry/cli/store_report.hpp"

namespace gantry::cli {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

/// A folder of the test's own, removed at its end.
class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("gantry-cli-" + random_hex(8))) { fs::create_directories(path_); }
  ~Folder() { fs::remove_all(path_); }
  [[nodiscard]] std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary | std::ios::app) << text;
  }
  [[nodiscard]] std::string str() const { return path_.string(); }

 private:
  fs::path path_;
};

Sent refused(const std::string& why) { return {Sent::Status::kRefused, 409, 0xC000, why, ""}; }
Sent accepted() { return {Sent::Status::kStored, 200, 0, "", "1.2.3"}; }

TEST(FileList, WalksFoldersInTheOrderOfTheirNamesAndFollowsNoCycle) {
  const Folder folder;
  folder.write("b/2.dcm", "xx");
  folder.write("b/1.dcm", "x");
  folder.write("a.dcm", "xxx");
  fs::create_directory_symlink(folder.str(), folder / "c");
  std::vector<std::string> unreadable;
  const auto files = list_files({folder.str()}, unreadable);
  ASSERT_TRUE(files);
  ASSERT_EQ(files->size(), 3U);
  EXPECT_EQ((*files)[0].path, folder / "a.dcm");
  EXPECT_EQ((*files)[1].path, folder / "b/1.dcm");
  EXPECT_EQ((*files)[2].path, folder / "b/2.dcm");
  EXPECT_EQ((*files)[2].size, 2U);
  EXPECT_TRUE(unreadable.empty());
}

TEST(FileList, NamesWhatIsNotThereAndWhatCannotBeRead) {
  const Folder folder;
  fs::create_symlink(folder / "nowhere", folder / "dangling");
  std::vector<std::string> unreadable;
  EXPECT_EQ(list_files({folder / "missing"}, unreadable).error().kind(), ErrorKind::kNotFound);
  EXPECT_TRUE(list_files({folder.str()}, unreadable));
  EXPECT_THAT(unreadable, ElementsAre(folder / "dangling"));
}

TEST(StoreAnswerReader, TellsStoredFromThereAlreadyFromRefused) {
  const auto stored =
      read_store_answer(200, R"({"00081199":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["1.2"]}}]}})");
  EXPECT_EQ(stored.status, Sent::Status::kStored);
  EXPECT_EQ(stored.sop, "1.2");
  const auto again =
      read_store_answer(200, R"({"00081199":{"vr":"SQ","Value":[{"00091002":{"vr":"CS","Value":["UNCHANGED"]}}]}})");
  EXPECT_EQ(again.status, Sent::Status::kUnchanged);
  const auto refusal =
      read_store_answer(409, R"({"00081198":{"vr":"SQ","Value":[{"00081197":{"vr":"US","Value":[49152]},)"
                             R"("00091001":{"vr":"UT","Value":["this is no DICOM file"]}}]}})");
  EXPECT_EQ(refusal.status, Sent::Status::kRefused);
  EXPECT_EQ(refusal.reason, 0xC000);
  EXPECT_EQ(refusal.detail, "this is no DICOM file");
}

TEST(StoreAnswerReader, UnderstandsServersThatSayLess) {
  const auto number =
      read_store_answer(409, R"({"00081198":{"vr":"SQ","Value":[{"00081197":{"vr":"US","Value":[42752]}}]}})");
  EXPECT_EQ(number.detail, "out of resources");
  EXPECT_EQ(read_store_answer(200, "").status, Sent::Status::kStored);
  EXPECT_EQ(read_store_answer(200, "<xml/>").status, Sent::Status::kStored);
  EXPECT_EQ(read_store_answer(202, R"({"00081198":{"Value":[{}]}})").status, Sent::Status::kRefused);
  EXPECT_EQ(read_store_answer(413, R"({"detail":"too large"})").detail, "too large");
  EXPECT_EQ(read_store_answer(500, "[1,2").status, Sent::Status::kFailed);
  EXPECT_EQ(read_store_answer(500, "[1]").detail, "HTTP status 500");
}

TEST(StoreLedger, RemembersAcceptedAndRefusedFilesPerTarget) {
  const Folder folder;
  const LocalFile one{"/x/1.dcm", 10, 100}, two{"/x/2.dcm", 10, 100};
  {
    auto ledger = StoreLedger::open(folder / "sub/ledger", "a");
    ASSERT_TRUE(ledger) << ledger.error().detail();
    EXPECT_FALSE((*ledger)->find(one));
    ASSERT_TRUE((*ledger)->note(one, accepted()));
    ASSERT_TRUE((*ledger)->note(two, refused("no\tDICOM\nfile")));
  }
  auto again = StoreLedger::open(folder / "sub/ledger", "a");
  ASSERT_TRUE(again);
  EXPECT_EQ((*again)->find(one)->status, Sent::Status::kStored);
  EXPECT_EQ((*again)->find(two)->detail, "no DICOM file");
  EXPECT_EQ((*again)->find(two)->reason, 0xC000);
  EXPECT_FALSE((*again)->find({"/x/1.dcm", 11, 100})) << "a changed file is another one";
  EXPECT_FALSE((*again)->find({"/x/1.dcm", 10, 101}));
  auto other = StoreLedger::open(folder / "sub/ledger", "b");
  ASSERT_TRUE(other);
  EXPECT_FALSE((*other)->find(one)) << "another target has got nothing yet";
}

TEST(StoreLedger, ForgetsFailuresAndSurvivesATornLine) {
  const Folder folder;
  const LocalFile one{"/x/1.dcm", 10, 100}, two{"/x/2.dcm", 10, 100};
  {
    auto ledger = StoreLedger::open(folder / "ledger", "a");
    ASSERT_TRUE(ledger);
    ASSERT_TRUE((*ledger)->note(one, accepted()));
    ASSERT_TRUE((*ledger)->note(two, Sent{Sent::Status::kFailed, 500, 0, "no", ""}));
  }
  folder.write("ledger", "0123456789abcdef\tsto");
  {
    auto ledger = StoreLedger::open(folder / "ledger", "a");
    ASSERT_TRUE(ledger);
    EXPECT_TRUE((*ledger)->find(one));
    EXPECT_FALSE((*ledger)->find(two));
    ASSERT_TRUE((*ledger)->note(two, accepted()));
  }
  auto ledger = StoreLedger::open(folder / "ledger", "a");
  ASSERT_TRUE(ledger);
  EXPECT_TRUE((*ledger)->find(two));
}

TEST(StoreLedger, RefusesAFileThatIsNoLedger) {
  const Folder folder;
  folder.write("notes.txt", "Dear archive");
  EXPECT_EQ(StoreLedger::open(folder / "notes.txt", "a").error().kind(), ErrorKind::kInvalid);
}

TEST(StoreReport, CountsAndGroupsRefusalsByReason) {
  const Folder folder;
  auto report = StoreReport::open(folder / "report.jsonl");
  ASSERT_TRUE(report);
  (*report)->add("a", accepted(), false);
  EXPECT_TRUE((*report)->all_accepted());
  for (int i = 0; i < 7; ++i) (*report)->add("bad" + std::to_string(i), refused("this is no DICOM file"), false);
  (*report)->add("old", accepted(), true);
  (*report)->add("odd \"name\xff", refused("other"), false);
  const std::string text = (*report)->summary();
  EXPECT_THAT(text, HasSubstr("9 sent: 1 stored, 0 already there, 8 refused; 1 sent by an earlier run"));
  EXPECT_THAT(text, HasSubstr("7 refused: 0xC000 this is no DICOM file\n    bad0\n"));
  EXPECT_THAT(text, HasSubstr("… and 2 more"));
  EXPECT_FALSE((*report)->all_accepted());
  ASSERT_TRUE((*report)->close());
  std::ifstream in(folder / "report.jsonl");
  std::string line, last;
  int lines = 0;
  while (std::getline(in, line)) last = line, ++lines;
  EXPECT_EQ(lines, 10);
  EXPECT_EQ(
      last,
      "{\"file\":\"odd "
      "\\\"name\xEF\xBF\xBD\",\"status\":\"refused\",\"http_status\":409,\"reason\":\"0xC000\",\"detail\":\"other\"}");
}

TEST(StoreProgress, WritesNumbersAsPeopleReadThem) {
  EXPECT_EQ(bytes_as_text(999), "999 B");
  EXPECT_EQ(bytes_as_text(1'234'567), "1.2 MB");
  EXPECT_EQ(seconds_as_text(7), "0:07");
  EXPECT_EQ(seconds_as_text(3723), "1:02:03");
  EXPECT_EQ(count_as_text(1'234'567), "1,234,567");
  EXPECT_EQ(count_as_text(123), "123");
}

}  // namespace
}  // namespace gantry::cli
