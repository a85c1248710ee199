#include "gantry/pixels/render/geometry.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace gantry::pixels {
namespace {

/// Which samples of a line make one of the result, and with which weights.
struct Tap {
  std::size_t first = 0;
  std::vector<float> weights;
};

std::vector<Tap> taps(double begin, double length, std::size_t source, std::size_t result, bool flip) {
  std::vector<Tap> made(result);
  const double step = length / static_cast<double>(result);
  for (std::size_t i = 0; i < result; ++i) {
    double from = begin + step * static_cast<double>(i);
    double to = from + step;
    if (step < 1) {  // between two samples
      const double middle = (from + to) / 2;
      from = middle - 0.5;
      to = middle + 0.5;
    }
    Tap tap;
    const auto last = static_cast<double>(source) - 1;
    const double low = std::clamp(std::floor(from), 0.0, last);
    const double high = std::clamp(std::ceil(to) - 1, low, last);
    tap.first = static_cast<std::size_t>(low);
    float sum = 0;
    for (double at = low; at <= high; ++at) {
      const auto weight = static_cast<float>(std::max(0.0, std::min(to, at + 1) - std::max(from, at)));
      tap.weights.push_back(weight);
      sum += weight;
    }
    if (sum <= 0) {
      tap.weights.assign(1, 1.0F);
    } else {
      for (auto& weight : tap.weights) weight /= sum;
    }
    made[flip ? result - 1 - i : i] = std::move(tap);
  }
  return made;
}

template <class T>
void resample(const Picture& from, const std::vector<Tap>& across, const std::vector<Tap>& down, Picture& to) {
  const unsigned channels = from.channels;
  const std::size_t line = std::size_t{to.width} * channels;
  const auto* source = reinterpret_cast<const T*>(from.bytes.data());
  auto* result = reinterpret_cast<T*>(to.bytes.data());
  // Rows of the source that were made narrow or wide already; a result row looks at a few of them.
  std::vector<std::vector<float>> rows(from.height);
  const auto row_of = [&](std::size_t y) -> const std::vector<float>& {
    auto& row = rows[y];
    if (!row.empty()) return row;
    row.resize(line);
    const T* pixels = source + y * from.width * channels;
    for (std::size_t x = 0; x < to.width; ++x) {
      for (unsigned c = 0; c < channels; ++c) {
        float sum = 0;
        for (std::size_t i = 0; i < across[x].weights.size(); ++i) {
          sum += across[x].weights[i] * static_cast<float>(pixels[(across[x].first + i) * channels + c]);
        }
        row[x * channels + c] = sum;
      }
    }
    return row;
  };
  std::vector<float> sums(line);
  for (std::size_t y = 0; y < to.height; ++y) {
    std::fill(sums.begin(), sums.end(), 0.0F);
    for (std::size_t i = 0; i < down[y].weights.size(); ++i) {
      const auto& row = row_of(down[y].first + i);
      for (std::size_t x = 0; x < line; ++x) sums[x] += down[y].weights[i] * row[x];
    }
    for (std::size_t x = 0; x < line; ++x) result[y * line + x] = static_cast<T>(std::lround(sums[x]));
    // Rows behind are not looked at again.
    const std::size_t passed = down[y].first;
    if (passed > 0 && (y + 1 >= to.height || down[y + 1].first > passed - 1)) rows[passed - 1] = {};
  }
}

}  // namespace

Picture resampled(const Picture& picture, const Region& region, std::uint32_t width, std::uint32_t height, bool flip_x,
                  bool flip_y) {
  Picture shown;
  shown.channels = picture.channels;
  shown.bits = picture.bits;
  shown.width = width;
  shown.height = height;
  shown.bytes.resize(std::size_t{shown.width} * shown.height * shown.channels * (shown.bits / 8));
  const auto across = taps(region.x, region.width, picture.width, shown.width, flip_x);
  const auto down = taps(region.y, region.height, picture.height, shown.height, flip_y);
  if (picture.bits == 8) {
    resample<std::uint8_t>(picture, across, down, shown);
  } else {
    resample<std::uint16_t>(picture, across, down, shown);
  }
  return shown;
}

Result<Picture> show_in(const Picture& picture, const Viewport& viewport) {
  const double x = viewport.x.value_or(0);
  const double y = viewport.y.value_or(0);
  const double width = viewport.part_width.value_or(picture.width - x);
  const double height = viewport.part_height.value_or(picture.height - y);
  if (x < 0 || y < 0 || width <= 0 || height <= 0 || x + width > picture.width || y + height > picture.height) {
    return Error::invalid("the viewport's region lies outside of the image of " + std::to_string(picture.width) + " x " +
                          std::to_string(picture.height) + " pixels");
  }
  const double scale = std::min(viewport.width / width, viewport.height / height);
  const auto fitted = [&](double length, std::uint32_t most) {
    return std::max(1U, std::min(most, static_cast<std::uint32_t>(std::lround(length * scale))));
  };
  return resampled(picture, {x, y, width, height}, fitted(width, viewport.width), fitted(height, viewport.height),
                   viewport.flip_x, viewport.flip_y);
}

}  // namespace gantry::pixels
