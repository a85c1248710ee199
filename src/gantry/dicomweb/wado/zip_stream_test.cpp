#include "gantry/dicomweb/wado/zip_stream.hpp"

#include <cstring>

#include <gtest/gtest.h>

namespace gantry::dicomweb::wado {
namespace {

class TextStream final : public ByteStream {
 public:
  explicit TextStream(std::string text) : text_(std::move(text)) {}
  Result<std::size_t> read(std::span<std::byte> into) override {
    const std::size_t count = std::min(into.size(), text_.size() - at_);
    std::memcpy(into.data(), text_.data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

/// Zeros that are only counted.
class Zeros final : public ByteStream {
 public:
  explicit Zeros(std::uint64_t length) : left_(length) {}
  Result<std::size_t> read(std::span<std::byte> into) override {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), left_));
    left_ -= count;
    return count;
  }

 private:
  std::uint64_t left_;
};

std::string drained(ByteStream& stream, std::size_t at_once) {
  std::string out, buffer(at_once, '\0');
  for (;;) {
    const auto count = stream.read(std::as_writable_bytes(std::span(buffer)));
    EXPECT_TRUE(count) << count.error().detail();
    if (!count || *count == 0) return out;
    out.append(buffer, 0, *count);
  }
}

std::shared_ptr<ByteStream> archive_of(std::vector<std::pair<std::string, std::string>> files) {
  return zip_stream([files = std::move(files), i = std::size_t{0}]() mutable -> Result<std::optional<ZipEntry>> {
    if (i == files.size()) return std::optional<ZipEntry>();
    const auto& [name, text] = files[i++];
    return std::optional(
        ZipEntry{name, [text]() -> Result<std::shared_ptr<ByteStream>> { return std::make_shared<TextStream>(text); }});
  });
}

std::uint32_t u32(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i > 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[at + i - 1]);
  return value;
}

TEST(ZipStream, SumsAndSizesStandInFrontOfTheBytes) {
  const std::string zip = drained(*archive_of({{"1.2/3.dcm", "123456789"}, {"1.2/4.dcm", ""}}), 7);
  EXPECT_EQ(u32(zip, 0), 0x04034B50U);
  EXPECT_EQ(u32(zip, 14), 0xCBF43926U) << "the well-known sum of these digits";
  EXPECT_EQ(u32(zip, 18), 9U);
  EXPECT_EQ(zip.substr(30, 18), "1.2/3.dcm123456789");
  EXPECT_EQ(u32(zip, zip.size() - 22), 0x06054B50U);
  const std::pair<std::size_t, std::uint64_t> entries[] = {{9, 9}, {9, 0}};
  EXPECT_EQ(zip.size(), zip_length(entries));
}

TEST(ZipStream, AnArchiveOfNothingIsOne) { EXPECT_EQ(drained(*archive_of({}), 100).size(), zip_length({})); }

// Four gigabytes, so that sizes and offsets no longer fit into 32 bits.
TEST(ZipStream, LargeEntriesAndOffsetsAreZip64) {
  constexpr std::uint64_t kLength = 0xFFFFFFFF;
  auto zip = zip_stream([i = 0]() mutable -> Result<std::optional<ZipEntry>> {
    if (i == 2) return std::optional<ZipEntry>();
    const std::uint64_t length = i++ == 0 ? kLength : 1;
    return std::optional(
        ZipEntry{"a", [length]() -> Result<std::shared_ptr<ByteStream>> { return std::make_shared<Zeros>(length); }});
  });
  std::vector<std::byte> buffer(64 << 20);
  std::uint64_t total = 0;
  std::string end;
  for (;;) {
    const auto count = zip->read(buffer);
    ASSERT_TRUE(count);
    if (*count == 0) break;
    total += *count;
    if (*count < 1000) end.append(reinterpret_cast<const char*>(buffer.data()), *count);
  }
  const std::pair<std::size_t, std::uint64_t> entries[] = {{1, kLength}, {1, 1}};
  EXPECT_EQ(total, zip_length(entries));
  EXPECT_EQ(u32(end, end.size() - 22 - 20 - 56), 0x06064B50U);
  EXPECT_EQ(u32(end, end.size() - 22 - 20), 0x07064B50U);
}

TEST(ZipStream, AnEntryThatCanNotBeReadEndsItWithTheError) {
  auto zip = zip_stream([]() -> Result<std::optional<ZipEntry>> {
    return std::optional(
        ZipEntry{"a", []() -> Result<std::shared_ptr<ByteStream>> { return Error::unavailable("the disk"); }});
  });
  std::vector<std::byte> buffer(100);
  const auto got = zip->read(buffer);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind(), ErrorKind::kUnavailable);
}

}  // namespace
}  // namespace gantry::dicomweb::wado
