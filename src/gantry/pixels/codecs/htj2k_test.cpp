// The beginning of what we write is the image at a low resolution, as another decoder than ours sees it: what viewers that
// load by resolution lean on.

#include <cmath>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <openjph/ojph_arch.h>
#include <openjph/ojph_codestream.h>
#include <openjph/ojph_file.h>
#include <openjph/ojph_mem.h>
#include <openjph/ojph_params.h>

#include "gantry/pixels/codecs/codecs.hpp"

namespace gantry::pixels::codecs {
namespace {

constexpr unsigned kSide = 512;

/// Rings, and noise that doesn't shrink.
std::string picture() {
  std::string bytes;
  unsigned noise = 12345;
  for (unsigned y = 0; y < kSide; ++y) {
    for (unsigned x = 0; x < kSide; ++x) {
      noise = noise * 1664525 + 1013904223;
      const auto value = static_cast<unsigned>(1000 + 900 * std::sin(std::hypot(x - 200.0, y - 300.0) / 9)) + (noise >> 28);
      bytes.push_back(static_cast<char>(value & 0xFF));
      bytes.push_back(static_cast<char>(value >> 8));
    }
  }
  return bytes;
}

FrameShape shape() {
  FrameShape shape;
  shape.rows = shape.columns = kSide;
  shape.bits_allocated = 16;
  shape.bits_stored = 12;
  shape.high_bit = 11;
  shape.photometric = "MONOCHROME2";
  return shape;
}

/// At 1 / 2^`skipped` of the size, from however much of the codestream there is; empty: not decodable.
std::vector<int> decode(const std::string& coded, unsigned skipped) {
  try {
    ojph::mem_infile file;
    file.open(reinterpret_cast<const ojph::ui8*>(coded.data()), coded.size());
    ojph::codestream stream;
    stream.enable_resilience();
    stream.read_headers(&file);
    stream.restrict_input_resolution(skipped, skipped);
    stream.create();
    const auto width = stream.access_siz().get_recon_width(0), height = stream.access_siz().get_recon_height(0);
    std::vector<int> values;
    for (unsigned y = 0; y < height; ++y) {
      ojph::ui32 component = 0;
      const auto* line = stream.pull(component);
      values.insert(values.end(), line->i32, line->i32 + width);
    }
    stream.close();
    return values;
  } catch (const std::exception&) {
    return {};
  }
}

TEST(Htj2k, ItsBeginningIsTheImageAtALowResolution) {
  const auto coded = encode_htj2k(shape(), picture());
  ASSERT_TRUE(coded) << coded.error().detail();
  const std::string& all = coded->bytes;
  // What the levels above the half and the quarter add is most of it.
  for (const auto& [skipped, percent] : {std::pair{1U, 40U}, std::pair{2U, 15U}, std::pair{3U, 6U}}) {
    const auto whole = decode(all, skipped);
    ASSERT_EQ(whole.size(), (kSide >> skipped) * (kSide >> skipped));
    EXPECT_TRUE(decode(all.substr(0, all.size() * percent / 100), skipped) == whole) << skipped;
    EXPECT_FALSE(decode(all.substr(0, all.size() * percent / 1000), skipped) == whole) << "else this proves nothing";
  }
}

}  // namespace
}  // namespace gantry::pixels::codecs
