#include "gantry/audit/spool.hpp"

#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "gantry/audit/spool_check.hpp"
#include "gantry/base/sha256.hpp"

namespace gantry::audit {
namespace {

using ::testing::HasSubstr;

class SpoolTest : public ::testing::Test {
 protected:
  SpoolTest() : folder_(std::filesystem::temp_directory_path() / ("gantry-spool-" + random_hex(8))) {}
  ~SpoolTest() override { std::filesystem::remove_all(folder_); }

  SpoolSettings settings() {
    SpoolSettings settings;
    settings.folder = folder_;
    settings.node = "node-a";
    settings.now = [this] { return now_; };
    settings.sync_every = std::chrono::hours(1);  // tests sync by hand
    settings.tell = [this](bool, const std::string& words) { told_ += words + "\n"; };
    return settings;
  }
  std::unique_ptr<Spool> open() {
    auto spool = Spool::open(settings());
    EXPECT_TRUE(spool) << (spool ? "" : spool.error().detail());
    return spool ? *std::move(spool) : nullptr;
  }
  /// A spool of one file with lines 1 to `count`, closed.
  void write_lines(int count) {
    const auto spool = open();
    for (int i = 2; i <= count; ++i) ASSERT_TRUE(spool->append("begin", ",\"user\":\"u" + std::to_string(i) + "\""));
  }
  std::vector<std::filesystem::path> files() {
    std::vector<std::filesystem::path> paths;
    const auto found = spool_files(folder_);
    EXPECT_TRUE(found);
    if (!found) return paths;
    for (const auto& file : *found) paths.push_back(file.path);
    return paths;
  }
  static std::vector<std::string> lines_of(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
  static void put_lines(const std::filesystem::path& path, const std::vector<std::string>& lines) {
    std::ofstream file(path, std::ios::trunc);
    for (const auto& line : lines) file << line << "\n";
  }
  static void append_bytes(const std::filesystem::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::app) << bytes;
  }
  /// What a check finds, "n: what" a line.
  std::string findings(const std::optional<SpoolHead>& expected = std::nullopt) {
    const auto check = check_spool(folder_, expected);
    if (!check) return check.error().detail();
    std::ostringstream text;
    for (const auto& finding : check->findings) text << finding.n << ": " << finding.what << "\n";
    return text.str();
  }

  const std::filesystem::path folder_;
  Time now_{std::chrono::sys_days(std::chrono::November / 30 / 2026) + std::chrono::hours(16)};
  std::string told_;
};

TEST_F(SpoolTest, KeepsWhatItIsToldAndFindsItWhole) {
  write_lines(100);
  EXPECT_EQ(findings(), "");
  const auto check = check_spool(folder_);
  ASSERT_TRUE(check);
  EXPECT_EQ(check->lines, 100U);
  EXPECT_EQ(check->last_n, 100U);
  const auto lines = lines_of(files()[0]);
  ASSERT_EQ(lines.size(), 100U);
  EXPECT_THAT(lines[41],
              HasSubstr("{\"n\":42,\"time\":\"2026-11-30T16:00:00.000000Z\",\"kind\":\"begin\",\"user\":\"u42\""));
}

TEST_F(SpoolTest, NobodyElseMayReadIt) {
  write_lines(3);
  const auto rights = [](const std::filesystem::path& path) {
    return std::filesystem::status(path).permissions() & std::filesystem::perms::all;
  };
  using std::filesystem::perms;
  EXPECT_EQ(rights(folder_), perms::owner_all);
  EXPECT_EQ(rights(files()[0]), perms::owner_read | perms::owner_write);
  EXPECT_EQ(rights(head_path(folder_)), perms::owner_read | perms::owner_write);
}

TEST_F(SpoolTest, ChangedBytesAreFoundAndNamed) {
  write_lines(20);
  const auto path = files()[0];
  const auto original = lines_of(path);
  std::string bytes;
  for (const auto& line : original) bytes += line + "\n";
  // Every byte of some lines, whatever it is a part of.
  for (const int number : {1, 2, 11, 20}) {
    for (std::size_t at = 0; at < original[static_cast<std::size_t>(number - 1)].size(); ++at) {
      auto lines = original;
      char& byte = lines[static_cast<std::size_t>(number - 1)][at];
      byte = byte == '7' ? '8' : '7';
      put_lines(path, lines);
      const std::string found = findings();
      ASSERT_NE(found, "") << "line " << number << ", byte " << at;
    }
  }
  auto lines = original;
  lines[10].replace(lines[10].find("u11"), 3, "u99");
  put_lines(path, lines);
  EXPECT_EQ(findings(), "11: it was changed: its hash is not that of its text\n");
  put_lines(path, original);
  EXPECT_EQ(findings(), "");
}

TEST_F(SpoolTest, AChangedLineWithAHashOfItsOwnIsFoundToo) {
  write_lines(20);
  const auto path = files()[0];
  auto lines = lines_of(path);
  std::string text(split_line(lines[10])->text);
  text.replace(text.find("u11"), 3, "u99");
  const Sha256 hash = chained(split_line(lines[9])->hash, text);
  close_line(text, hash);
  lines[10] = text.substr(0, text.size() - 1);
  put_lines(path, lines);
  EXPECT_EQ(findings(), "12: it was changed: its hash is not that of its text\n") << "the next line covers it";
}

TEST_F(SpoolTest, DroppedAddedAndSwappedLinesAreFound) {
  write_lines(20);
  const auto path = files()[0];
  const auto original = lines_of(path);
  auto lines = original;
  lines.erase(lines.begin() + 10);
  put_lines(path, lines);
  EXPECT_EQ(findings(), "12: line 11 before it: missing, or in another place\n");
  lines = original;
  lines.erase(lines.begin() + 10, lines.begin() + 15);
  put_lines(path, lines);
  EXPECT_EQ(findings(), "16: lines 11 to 15 before it: missing, or in another place\n");
  lines = original;
  std::swap(lines[10], lines[11]);
  put_lines(path, lines);
  EXPECT_EQ(findings(),
            "12: line 11 before it: missing, or in another place\n"
            "11: it stands where line 13 should: moved, or there twice\n"
            "13: line 12 before it: missing, or in another place\n");
  lines = original;
  lines.insert(lines.begin() + 11, lines[10]);
  put_lines(path, lines);
  EXPECT_EQ(findings(), "11: it stands where line 12 should: moved, or there twice\n");
  lines = original;
  lines.erase(lines.begin());
  put_lines(path, lines);
  EXPECT_THAT(findings(), HasSubstr("2: the file's first line is missing"));
}

TEST_F(SpoolTest, AMissingEndIsFound) {
  write_lines(20);
  auto lines = lines_of(files()[0]);
  const auto last = split_line(lines[19]);
  ASSERT_TRUE(last);
  const SpoolHead noted{20, last->hash};
  lines.resize(15);
  put_lines(files()[0], lines);
  EXPECT_EQ(findings(), "0: the end is missing: head.json knows line 20, the last one is 15\n");
  // One who knows of the head changes it as well; what was noted elsewhere is out of reach.
  std::ofstream(head_path(folder_)) << head_text({15, split_line(lines[14])->hash});
  EXPECT_EQ(findings(), "");
  EXPECT_EQ(findings(noted), "0: the end is missing: what was noted elsewhere knows line 20, the last one is 15\n");
}

TEST_F(SpoolTest, AnEndThatIsMissingStaysMissingWhenTheSpoolGoesOn) {
  write_lines(20);
  auto lines = lines_of(files()[0]);
  lines.resize(15);
  put_lines(files()[0], lines);
  {
    const auto spool = open();
    EXPECT_EQ(*spool->append("begin", ""), 22U) << "21 is the new file's first line; 16 to 20 are never taken again";
  }
  EXPECT_THAT(told_, HasSubstr("has lost its last 5 lines"));
  EXPECT_EQ(findings(), "21: at this start the last 5 lines before it, 16 to 20, were gone\n");
}

TEST_F(SpoolTest, GoesOnInANewFileAfterEachStart) {
  for (int start = 0; start < 4; ++start) write_lines(10);
  EXPECT_EQ(findings(), "");
  EXPECT_EQ(files().size(), 4U);
  EXPECT_EQ(check_spool(folder_)->last_n, 40U);
}

TEST_F(SpoolTest, ALineThatWasTornIsToldAndNotRepaired) {
  write_lines(10);
  append_bytes(files()[0], "{\"n\":11,\"time\":\"2026-11-");
  EXPECT_EQ(findings(), "") << "it may be on its way";
  write_lines(10);
  EXPECT_EQ(findings(), "");
  EXPECT_THAT(lines_of(files()[1])[0], HasSubstr("\"torn\":24,"));
  EXPECT_EQ(check_spool(folder_)->torn, 1U);
  append_bytes(files()[0], "more");
  EXPECT_THAT(findings(), HasSubstr("ends with 28 bytes of no line, and this one knows of 24"));
}

TEST_F(SpoolTest, AFileWithoutALineIsNoTrouble) {
  write_lines(10);
  std::ofstream(folder_ / spool_file_name("20261130", 2)) << "{\"n\":1";
  write_lines(10);
  EXPECT_EQ(findings(), "");
  EXPECT_EQ(check_spool(folder_)->last_n, 20U);
}

TEST_F(SpoolTest, MissingFilesAreFound) {
  for (int start = 0; start < 4; ++start) write_lines(10);
  const auto all = files();
  std::filesystem::rename(all[1], folder_ / "aside");
  EXPECT_THAT(findings(), HasSubstr("files 2 to 2 before it are missing"));
  std::filesystem::rename(folder_ / "aside", all[1]);
  std::filesystem::rename(all[0], folder_ / "aside");
  EXPECT_EQ(findings(), "0: files up to 1 are missing, and no line says that retention removed them\n");
  std::filesystem::remove(all[3]);
  EXPECT_THAT(findings(), HasSubstr("the end is missing"));
}

TEST_F(SpoolTest, TurnsToANewFileEachDayAndByItsSize) {
  auto given = settings();
  given.file_bytes = 4000;
  auto spool = *Spool::open(given);
  const std::string members = ",\"user\":\"" + std::string(900, 'x') + "\"";
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(spool->append("begin", members));
  ASSERT_TRUE(spool->sync());
  EXPECT_EQ(files().size(), 2U);
  now_ += std::chrono::hours(9);
  ASSERT_TRUE(spool->sync());
  ASSERT_EQ(files().size(), 3U);
  EXPECT_THAT(files()[2].string(), HasSubstr("audit-20261201-00000003.jsonl"));
  spool.reset();
  EXPECT_EQ(findings(), "");
}

TEST_F(SpoolTest, RemovesOldFilesAndSaysSo) {
  auto given = settings();
  given.keep_days = 10;
  given.keep_from = [] { return std::uint64_t{10}; };
  auto spool = *Spool::open(given);
  for (int day = 0; day < 12; ++day) {
    now_ += std::chrono::hours(24);
    ASSERT_TRUE(spool->append("begin", ""));
    ASSERT_TRUE(spool->sync());
  }
  EXPECT_EQ(files().size(), 11U);
  EXPECT_EQ(findings(), "");
  now_ += std::chrono::hours(24 * 100);
  ASSERT_TRUE(spool->sync());
  EXPECT_EQ(spool_files(folder_)->front().serial, 10U) << "what was not exported stays";
  EXPECT_EQ(findings(), "");
}

TEST_F(SpoolTest, ManyWriteAtOnce) {
  auto given = settings();
  given.sync_every = std::chrono::milliseconds(1);
  given.file_bytes = 20'000;
  auto spool = *Spool::open(given);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&spool] {
      for (int n = 0; n < 500; ++n) ASSERT_TRUE(spool->append("begin", ",\"user\":\"x\""));
    });
  }
  for (auto& thread : threads) thread.join();
  spool.reset();
  EXPECT_EQ(findings(), "");
  const auto check = check_spool(folder_);
  EXPECT_EQ(check->lines - check->files, 2000U);
}

// The child is killed at a time of chance while it writes; what it was told is written must be there.
TEST_F(SpoolTest, HoldsWhatItAcknowledgedWhenItsProcessIsKilled) {
  const auto acknowledged = folder_.string() + ".acknowledged";
  std::uint64_t last = 0;
  for (int round = 0; round < 20; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      auto given = settings();
      given.sync_every = std::chrono::milliseconds(1);
      given.file_bytes = 30'000;
      auto spool = Spool::open(given);
      if (!spool) ::_exit(1);
      const int fd = ::open(acknowledged.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      const std::string members = ",\"user\":\"" + std::string(5000, 'x') + "\"";
      for (;;) {
        const auto n = (*spool)->append("begin", members);
        if (!n || ::pwrite(fd, &*n, sizeof *n, 0) != sizeof *n) ::_exit(1);
      }
    }
    ::usleep(static_cast<useconds_t>(20'000 + (round * 7919) % 15'000));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    std::uint64_t told = 0;
    std::ifstream(acknowledged, std::ios::binary).read(reinterpret_cast<char*>(&told), sizeof told);
    const auto check = check_spool(folder_);
    ASSERT_TRUE(check);
    EXPECT_EQ(findings(), "");
    EXPECT_GE(check->last_n, std::max(told, last));
    last = check->last_n;
  }
  std::filesystem::remove(acknowledged);
}

TEST_F(SpoolTest, AFullDiskFailsTheLineAndNothingElse) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    auto given = settings();
    auto spool = Spool::open(given);
    if (!spool || !(*spool)->append("begin", "")) ::_exit(1);
    const std::uint64_t size = std::filesystem::file_size(files()[0]);
    rlimit limit{size + 100, RLIM_INFINITY};  // a line that would fit in part
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(2);
    const auto refused = (*spool)->append("begin", ",\"user\":\"" + std::string(500, 'x') + "\"");
    if (refused || refused.error().kind() != ErrorKind::kUnavailable) ::_exit(3);
    if ((*spool)->status().trouble.empty() || (*spool)->status().failures != 1) ::_exit(4);
    limit.rlim_cur = RLIM_INFINITY;
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(5);
    const auto again = (*spool)->append("begin", "");
    if (!again || *again != 3 || !(*spool)->status().trouble.empty()) ::_exit(6);
    spool->reset();
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(findings(), "");
}

TEST_F(SpoolTest, LateLinesStandBeforeTheNextOneAndNeedNone) {
  {
    const auto spool = open();
    spool->append_late("end", ",\"begin\":0");
    EXPECT_EQ(*spool->append("begin", ""), 3U);
    EXPECT_EQ(lines_of(files().front()).size(), 3U) << "one write(2) took both";
    spool->append_late("end", ",\"begin\":3");
    while (spool->status().n < 4) std::this_thread::yield();
    EXPECT_EQ(lines_of(files().front()).size(), 4U) << "nobody appended another";
    spool->append_late("end", ",\"begin\":4");
    ASSERT_TRUE(spool->sync());
    EXPECT_EQ(spool->status().synced_n, 5U);
    spool->append_late("end", ",\"begin\":5");
  }
  EXPECT_EQ(lines_of(files().front()).size(), 6U) << "an orderly end loses none";
  EXPECT_EQ(findings(), "");
}

}  // namespace
}  // namespace gantry::audit
