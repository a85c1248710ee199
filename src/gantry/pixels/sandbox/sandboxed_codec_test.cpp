#include "gantry/pixels/sandbox/sandboxed_codec.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gantry/pixels/codec_test_support.hpp"
#include "gantry/pixels/syntaxes.hpp"

namespace gantry::pixels {
namespace {

using ::testing::HasSubstr;
using testing::all_shapes;
using testing::picture;
using testing::shape_of;

const std::string kNative(dicom::kExplicitLittleEndian);

SandboxSettings settings(std::vector<std::string> command = {GANTRY_CODEC_PROCESS}) {
  SandboxSettings made;
  made.command = std::move(command);
  return made;
}

/// The text of a file of /proc for each child of this process.
std::vector<std::string> of_children(const char* file) {
  std::vector<std::string> texts;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream status(entry.path() / "status");
    std::stringstream text;
    text << status.rdbuf();
    if (text.str().find("\nPPid:\t" + std::to_string(getpid()) + "\n") == std::string::npos) continue;
    std::ifstream wanted(entry.path() / file);
    std::stringstream found;
    found << wanted.rdbuf();
    texts.push_back(found.str());
  }
  return texts;
}

TEST(SandboxedCodec, ConvertsAsTheLocalOneDoes) {
  SandboxedCodec codec(settings());
  LocalCodec local;
  for (const auto& shape : all_shapes()) {
    const auto native = picture(shape);
    for (const auto syntax : {kRle, kJpegLs, kJpeg2000Lossless, kHtj2kRpcl}) {
      const auto coded = codec.convert(shape, native, {std::string(syntax)});
      ASSERT_TRUE(coded) << coded.error().detail();
      EXPECT_TRUE(coded->bytes == local.convert(shape, native, {std::string(syntax)})->bytes);
      const auto back = codec.convert(coded->shape, coded->bytes, {kNative});
      ASSERT_TRUE(back) << back.error().detail();
      EXPECT_TRUE(back->bytes == native);
      EXPECT_EQ(back->shape.photometric, shape.photometric);
    }
  }
  EXPECT_EQ(codec.counters().started, 1U);
}

TEST(SandboxedCodec, ItsProcessesMayDoNothingButCompute) {
  SandboxedCodec codec(settings());
  const auto shape = shape_of(1, 16, 16, false);
  ASSERT_TRUE(codec.convert(shape, picture(shape), {std::string(kJpegLs)}));
  const auto statuses = of_children("status");
  ASSERT_EQ(statuses.size(), 1U);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_THAT(statuses[0], HasSubstr("\nSeccomp:\t2\n"));
#endif
  EXPECT_THAT(statuses[0], HasSubstr("\nNoNewPrivs:\t1\n"));
  const auto limits = of_children("limits");
  EXPECT_THAT(limits[0], ::testing::ContainsRegex("Max open files +0 +0"));
  EXPECT_THAT(limits[0], ::testing::ContainsRegex("Max file size +0 +0"));
}

TEST(SandboxedCodec, OneThatDiesTakesOnlyItsOwnFrameAlong) {
  const auto mark = std::filesystem::temp_directory_path() / ("gantry-codec-died-" + std::to_string(getpid()));
  std::filesystem::remove(mark);
  const std::string script = "if [ -e '" + mark.string() + "' ]; then exec '" + std::string(GANTRY_CODEC_PROCESS) +
                             "'; fi; : > '" + mark.string() + "'; kill -SEGV $$";
  SandboxedCodec codec(settings({"/bin/sh", "-c", script}));
  const auto shape = shape_of(1, 8, 8, false);
  const auto first = codec.convert(shape, picture(shape), {std::string(kJpegLs)});
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().kind(), ErrorKind::kInvalid);
  EXPECT_THAT(first.error().detail(), HasSubstr("signal 11"));
  EXPECT_TRUE(codec.convert(shape, picture(shape), {std::string(kJpegLs)}));
  EXPECT_EQ(codec.counters().died, 1U);
  std::filesystem::remove(mark);
}

TEST(SandboxedCodec, OneThatDiedWhileItWasIdleCostsNothing) {
  SandboxedCodec codec(settings());
  const auto shape = shape_of(1, 8, 8, false);
  ASSERT_TRUE(codec.convert(shape, picture(shape), {std::string(kJpegLs)}));
  for (const auto& status : of_children("status")) {
    const auto at = status.find("\nPid:\t");
    ASSERT_NE(at, std::string::npos);
    const auto pid = static_cast<pid_t>(std::stoi(status.substr(at + 6)));
    kill(pid, SIGKILL);
    // Its socket is closed before it can be waited for.
    siginfo_t info{};
    waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT);
  }
  EXPECT_TRUE(codec.convert(shape, picture(shape), {std::string(kJpegLs)}));
  EXPECT_EQ(codec.counters().started, 2U);
}

TEST(SandboxedCodec, OneThatNeverAnswersIsEnded) {
  auto slow = settings({"/bin/sh", "-c", "exec sleep 1000"});
  slow.frame_time = std::chrono::seconds(1);
  SandboxedCodec codec(slow);
  const auto shape = shape_of(1, 8, 8, false);
  const auto frame = codec.convert(shape, picture(shape), {std::string(kJpegLs)});
  ASSERT_FALSE(frame);
  EXPECT_EQ(frame.error().kind(), ErrorKind::kTimeout);
  EXPECT_TRUE(of_children("status").empty());
}

TEST(SandboxedCodec, AFrameThatNeedsTooMuchMemoryFailsAlone) {
  SandboxedCodec codec(settings());
  const auto small = shape_of(1, 8, 8, false);
  const auto coded = codec.convert(small, picture(small), {std::string(kJpeg2000Lossless)});
  ASSERT_TRUE(coded);
  // A picture of 20,000 x 20,000 in a few bytes, which its data set confirms.
  auto shape = coded->shape;
  shape.rows = shape.columns = 20000;
  auto bytes = coded->bytes;
  const auto siz = bytes.find("\xFF\x51");
  for (const std::size_t at : {siz + 6, siz + 10, siz + 22, siz + 26}) bytes.replace(at, 4, std::string("\0\0\x4E\x20", 4));
  EXPECT_FALSE(codec.convert(shape, bytes, {kNative}));
  EXPECT_TRUE(codec.convert(coded->shape, coded->bytes, {kNative}));
}

TEST(SandboxedCodec, ManyThreadsShareItsProcesses) {
  SandboxedCodec codec(settings());
  const auto shape = shape_of(3, 8, 8, false);
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 8; ++seed) {
    threads.emplace_back([&codec, &shape, seed] {
      const auto native = picture(shape, seed);
      for (int i = 0; i < 5; ++i) {
        const auto coded = codec.convert(shape, native, {std::string(kHtj2kRpcl)});
        ASSERT_TRUE(coded);
        const auto back = codec.convert(coded->shape, coded->bytes, {kNative});
        ASSERT_TRUE(back);
        EXPECT_TRUE(back->bytes == native);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LE(codec.counters().started, 2U);
}

}  // namespace
}  // namespace gantry::pixels
