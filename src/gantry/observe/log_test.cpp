#include "gantry/observe/log.hpp"

#include <array>
#include <set>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "gantry/base/handle.hpp"

namespace gantry::observe {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::int64_t kTime = 1'769'860'800'123'456;  // 2026-01-31T12:00:00.123456Z

std::string json(std::string_view message, std::initializer_list<Field> fields) {
  std::string line;
  append_json_line(line, kTime, LogLevel::kInfo, message, {fields.begin(), fields.size()});
  return line;
}
std::string text(std::string_view message, std::initializer_list<Field> fields) {
  std::string line;
  append_text_line(line, kTime, LogLevel::kWarn, message, {fields.begin(), fields.size()});
  return line;
}

TEST(LogFormat, AJsonLineHasTimeLevelMessageAndFields) {
  const std::string owned = "clinic-a";
  EXPECT_EQ(json("request", {{"tenant", owned},
                             {"status", 200},
                             {"bytes", 5'000'000'000ULL},
                             {"offset", -3},
                             {"ms", 1.5},
                             {"whole", true},
                             {"path", "/x"}}),
            R"({"time":"2026-01-31T12:00:00.123Z","level":"info","message":"request","tenant":"clinic-a","status":200,)"
            R"("bytes":5000000000,"offset":-3,"ms":1.5,"whole":true,"path":"/x"})");
}

TEST(LogFormat, TimesBeforeTheEpochAndFarAwayAreWritten) {
  std::string line;
  append_json_line(line, -1, LogLevel::kError, "", {});
  EXPECT_THAT(line, StartsWith(R"({"time":"1969-12-31T23:59:59.999Z","level":"error")"));
}

TEST(LogFormat, ControlCharactersAreEscapedSoThatOneCallIsOneLine) {
  EXPECT_THAT(json("a\nb\r\t\"\\\x1b[31m\x7f", {}), HasSubstr(R"("message":"a\nb\r\t\"\\\u001b[31m\u007f")"));
  EXPECT_THAT(json("\xC2\x9B\xE2\x80\xA8", {}), HasSubstr(R"("message":"\u009b\u2028")"));
  EXPECT_THAT(json(std::string_view("a\0b", 3), {}), HasSubstr(R"(a\u0000b)"));
  EXPECT_EQ(text("a\nb", {{"x\n", "c\nd"}}).find('\n'), std::string::npos);
}

TEST(LogFormat, InvalidUtf8BecomesTheReplacementCharacter) {
  constexpr const char* kBad = "\xEF\xBF\xBD";
  for (const std::string bad :
       {"\xFF", "\xC0\xAF", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\xF0\x8F\xBF\xBF", "\x80"}) {
    const auto line = json("m", {{"x", bad}});
    EXPECT_THAT(line, HasSubstr(kBad));
    EXPECT_EQ(line.find(bad), std::string::npos);
  }
  EXPECT_THAT(json("Grüße 山田 😀", {}), HasSubstr("Grüße 山田 😀"));
}

TEST(LogFormat, NumbersThatJsonDoesNotHaveAreNull) {
  EXPECT_THAT(json("m", {{"x", std::numeric_limits<double>::infinity()}}), HasSubstr("\"x\":null"));
}

TEST(LogFormat, ATextLineIsForPeople) {
  EXPECT_EQ(text("disk is slow", {{"path", "/a b"}, {"ms", 12}, {"name", "x"}, {"empty", ""}}),
            R"(12:00:00.123 WARN  disk is slow path="/a b" ms=12 name=x empty="")");
}

TEST(LogNames, LevelsAndFormatsHaveNames) {
  for (const auto level : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError, LogLevel::kOff}) {
    EXPECT_EQ(log_level(to_string(level)), level);
  }
  EXPECT_EQ(log_level("loud"), std::nullopt);
  EXPECT_EQ(log_format("text"), LogFormat::kText);
  EXPECT_EQ(log_format("xml"), std::nullopt);
}

/// A pipe; what was logged can be read when its writing end is closed.
struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    from = UniqueFd(ends[0]);
    to = UniqueFd(ends[1]);
  }
  std::string rest() {
    to.reset();
    return until_the_end();
  }
  std::string until_the_end() {
    std::string all;
    std::array<char, 4096> piece{};
    for (;;) {
      const auto count = ::read(from.get(), piece.data(), piece.size());
      if (count <= 0) return all;
      all.append(piece.data(), static_cast<std::size_t>(count));
    }
  }
  UniqueFd from, to;
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    if (end == std::string::npos) break;
    at = end + 1;
  }
  return lines;
}

TEST(Log, WritesItsLevelAndAbove) {
  Pipe pipe;
  {
    Log log({.level = LogLevel::kWarn, .format = LogFormat::kJson, .fd = pipe.to.get()});
    EXPECT_FALSE(log.writes(LogLevel::kInfo));
    EXPECT_FALSE(log.writes(LogLevel::kOff));
    log.info("quiet");
    log.warn("loud", {{"n", 1}});
    log.set_level(LogLevel::kDebug);
    log.debug("now");
    log.set_level(LogLevel::kOff);
    log.error("never");
  }
  const auto lines = lines_of(pipe.rest());
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_THAT(lines[0], HasSubstr("\"loud\",\"n\":1}"));
  EXPECT_THAT(lines[1], HasSubstr("\"now\""));
}

TEST(Log, WritesJsonWhenNobodyLooks) {
  Pipe pipe;
  Log log({.fd = pipe.to.get()});
  log.info("x");
  log.flush();
  EXPECT_THAT(pipe.rest(), StartsWith("{\"time\":\""));
}

TEST(Log, LinesOfManyThreadsStayWholeAndInTheirOrder) {
  Pipe pipe;
  std::string all;
  std::thread reader;
  {
    Log log({.format = LogFormat::kText, .fd = pipe.to.get()});
    reader = std::thread([&] {
      std::array<char, 4096> piece{};
      for (ssize_t count = 0; (count = ::read(pipe.from.get(), piece.data(), piece.size())) > 0;)
        all.append(piece.data(), static_cast<std::size_t>(count));
    });
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&log, t] {
        for (int i = 0; i < 500; ++i) log.info("line", {{"t", t}, {"i", i}});
      });
    }
    for (auto& thread : threads) thread.join();
    log.flush();
    EXPECT_EQ(log.dropped(), 0U);
  }
  pipe.to.reset();
  reader.join();
  std::array<int, 4> next{};
  const auto lines = lines_of(all);
  EXPECT_EQ(lines.size(), 2000U);
  for (const auto& line : lines) {
    int t = 0;
    int i = 0;
    ASSERT_EQ(std::sscanf(line.c_str(), "%*s INFO line t=%d i=%d", &t, &i), 2) << line;
    EXPECT_EQ(next.at(static_cast<std::size_t>(t))++, i);
  }
}

TEST(Log, AReaderThatStandsStillCostsLinesAndNeverStallsACaller) {
  Pipe pipe;
  std::string all;
  std::thread reader;
  {
    Log log({.format = LogFormat::kJson, .fd = pipe.to.get(), .waiting_bytes = 10'000});
    const std::string long_text(1000, 'x');
    for (int i = 0; i < 1000; ++i) log.info("m", {{"x", long_text}});  // 1 MB into a pipe that holds 64 kB
    EXPECT_GT(log.dropped(), 500U);
    log.flush();  // gives up
    reader = std::thread([&] { all = pipe.until_the_end(); });
    log.info("after");
  }
  pipe.to.reset();
  reader.join();
  EXPECT_THAT(all, HasSubstr("\"level\":\"warn\",\"message\":\"log lines were dropped"));
  EXPECT_THAT(lines_of(all), Each(EndsWith("}"))) << "no line is torn";
}

TEST(Log, AReaderThatWentAwayDoesNotEndTheProcess) {
  Pipe pipe;
  Log log({.fd = pipe.to.get()});
  pipe.from.reset();
  log.info("lost");
  log.flush();
  EXPECT_EQ(log.dropped(), 1U);
}

TEST(Log, ALineThatIsTooLongIsCut) {
  Pipe pipe;
  {
    Log log({.format = LogFormat::kJson, .fd = pipe.to.get()});
    log.info("m", {{"x", std::string(20'000, 'x')}, {"y", "gone"}});
  }
  const auto all = pipe.rest();
  EXPECT_LT(all.size(), 17'000U);
  EXPECT_THAT(all, EndsWith("\"cut\":true}\n"));
  EXPECT_EQ(all.find("gone"), std::string::npos);
}

TEST(Log, ADescriptorThatFailsIsNoReasonToStop) {
  const UniqueFd full(::open("/dev/full", O_WRONLY));
  Log log({.fd = full.get()});
  log.info("lost");
  log.flush();
  EXPECT_EQ(log.dropped(), 1U);
}

}  // namespace
}  // namespace gantry::observe
