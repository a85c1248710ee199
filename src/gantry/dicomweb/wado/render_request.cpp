#include "gantry/dicomweb/wado/render_request.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string_view>

namespace gantry::dicomweb::wado {
namespace {

using pixels::VoiFunction;

constexpr double kSideMost = 16384;

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = text.find(',');
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<double> number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

std::optional<std::uint32_t> side(std::string_view text) {
  const auto value = number(text);
  if (!value || *value < 1 || *value > kSideMost || *value != std::floor(*value)) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

Result<pixels::Window> parse_window(std::string_view text) {
  const auto wrong = [] {
    return Error::invalid("window: a centre, a width above 0 and a function were expected, such as "
                          "window=40,400,linear (or linear-exact, sigmoid)");
  };
  const auto parts = split(text);
  if (parts.size() != 3) return wrong();
  const auto center = number(parts[0]);
  const auto width = number(parts[1]);
  if (!center || !width || *width <= 0) return wrong();
  pixels::Window window{*center, *width, VoiFunction::kLinear};
  if (parts[2] == "linear-exact" || parts[2] == "linear_exact" || parts[2] == "LINEAR_EXACT") {
    window.function = VoiFunction::kLinearExact;
  } else if (parts[2] == "sigmoid" || parts[2] == "SIGMOID") {
    window.function = VoiFunction::kSigmoid;
  } else if (parts[2] != "linear" && parts[2] != "LINEAR") {
    return wrong();
  }
  if (window.function == VoiFunction::kLinear && window.width < 1) return wrong();
  return window;
}

Result<pixels::Viewport> parse_viewport(std::string_view text) {
  const auto wrong = [] {
    return Error::invalid("viewport: a width and a height from 1 to 16384 were expected, then optionally the region's "
                          "left, top, width and height, such as viewport=512,512,0,0,-256,256 (negative: flipped)");
  };
  const auto parts = split(text);
  if (parts.size() < 2 || parts.size() > 6) return wrong();
  const auto width = side(parts[0]);
  const auto height = side(parts[1]);
  if (!width || !height) return wrong();
  pixels::Viewport viewport;
  viewport.width = *width;
  viewport.height = *height;
  const auto read = [&](std::size_t index, std::optional<double>& into) {
    if (index >= parts.size() || parts[index].empty()) return true;
    into = number(parts[index]);
    return into.has_value();
  };
  if (!read(2, viewport.x) || !read(3, viewport.y) || !read(4, viewport.part_width) || !read(5, viewport.part_height)) {
    return wrong();
  }
  const auto flip = [](std::optional<double>& length, bool& flipped) {
    if (!length || *length >= 0) return;
    flipped = true;
    length = -*length;
  };
  flip(viewport.part_width, viewport.flip_x);
  flip(viewport.part_height, viewport.flip_y);
  return viewport;
}

bool is_keyword(std::string_view word) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !word.empty() && word.size() <= 64 && std::all_of(word.begin(), word.end(), plain);
}

/// Keywords that are not known are ignored, and said (§8.3.5.1.1).
Result<void> parse_annotation(const std::string& name, std::string_view text, RenderRequest& request) {
  std::string unknown;
  for (const auto word : split(text)) {
    if (!is_keyword(word)) {
      return Error::invalid(name + ": patient, technique or both were expected, with a comma between");
    }
    if (word == "patient") {
      request.patient = true;
    } else if (word == "technique") {
      request.technique = true;
    } else {
      unknown += (unknown.empty() ? "" : ",") + std::string(word);
    }
  }
  if (!unknown.empty()) request.warnings.push_back("The following annotation values are not supported: " + unknown);
  return {};
}

/// §8.3.5.1.5.
Result<void> parse_icc_profile(std::string_view text, RenderRequest& request) {
  request.icc_profile = text != "no";
  request.colours.reset();
  if (text == "srgb") {
    request.colours = pixels::ColourSpace::kSrgb;
  } else if (text == "adobergb") {
    request.colours = pixels::ColourSpace::kAdobeRgb;
  } else if (text == "rommrgb") {
    request.colours = pixels::ColourSpace::kRommRgb;
  } else if (text != "no" && text != "yes") {
    return Error::invalid("iccprofile: no, yes, srgb, adobergb or rommrgb was expected");
  }
  return {};
}

Result<int> parse_quality(std::string_view name, std::string_view text) {
  const auto value = number(text);
  if (!value || *value < 1 || *value > 100 || *value != std::floor(*value)) {
    return Error::invalid(std::string(name) + ": a whole number from 1 to 100 was expected");
  }
  return static_cast<int>(*value);
}

std::string text_of(std::optional<double> value) { return value ? std::to_string(*value) : std::string("-"); }

}  // namespace

std::string RenderRequest::canonical() const {
  std::string text = "q" + std::to_string(quality) + (icc_profile ? " icc" : "") + (options.sixteen_bits ? " 16" : "");
  if (options.window) {
    const auto& window = *options.window;
    text += " w" + std::to_string(window.center) + "," + std::to_string(window.width) + "," +
            std::to_string(static_cast<int>(window.function));
  }
  if (options.viewport) {
    const auto& view = *options.viewport;
    text += " v" + std::to_string(view.width) + "," + std::to_string(view.height) + "," + text_of(view.x) + "," +
            text_of(view.y) + "," + text_of(view.part_width) + "," + text_of(view.part_height) +
            (view.flip_x ? ",x" : "") + (view.flip_y ? ",y" : "");
  }
  if (region) {
    text += " r";
    for (const double part : *region) text += std::to_string(part) + ",";
  }
  if (colours) text += " c" + std::to_string(static_cast<int>(*colours));
  if (patient) text += " patient";
  if (technique) text += " technique";
  if (state) text += " state " + state_key;
  return text;
}

Result<void> check_beside_state(const RenderRequest& request) {
  const auto& viewport = request.options.viewport;
  if (request.options.window) {
    return Error::invalid("window: a presentation state has windows of its own; ask for its images to choose another");
  }
  if (request.region || (viewport && (viewport->x || viewport->y || viewport->part_width || viewport->part_height))) {
    return Error::invalid("viewport, region: a presentation state says itself which part of its images is shown; a "
                          "width and a height alone were expected");
  }
  return {};
}

Result<RenderRequest> parse_render_request(const http::QueryPairs& query) {
  RenderRequest request;
  for (const auto& [name, value] : query) {
    if (name == "window") {
      GANTRY_LET(request.options.window, parse_window(value));
    } else if (name == "viewport") {
      GANTRY_LET(request.options.viewport, parse_viewport(value));
    } else if (name == "quality") {
      GANTRY_LET(request.quality, parse_quality(name, value));
    } else if (name == "annotation") {
      GANTRY_TRY(parse_annotation(name, value, request));
    } else if (name == "iccprofile") {
      GANTRY_TRY(parse_icc_profile(value, request));
    } else if (name == "bits") {
      if (value != "8" && value != "16") return Error::invalid("bits: 8 or 16 was expected");
      request.options.sixteen_bits = value == "16";
    }
  }
  return request;
}

Result<RenderRequest> parse_uri_render_request(const http::QueryPairs& query) {
  RenderRequest request;
  std::optional<double> center, width;
  std::optional<std::uint32_t> rows, columns;
  for (const auto& [name, value] : query) {
    if (name == "windowCenter" || name == "windowWidth") {
      const auto parsed = number(value);
      if (!parsed || (name == "windowWidth" && *parsed < 1)) return Error::invalid(name + ": a number was expected");
      (name == "windowCenter" ? center : width) = parsed;
    } else if (name == "rows" || name == "columns") {
      const auto parsed = side(value);
      if (!parsed) return Error::invalid(name + ": a whole number from 1 to 16384 was expected");
      (name == "rows" ? rows : columns) = parsed;
    } else if (name == "region") {
      const auto parts = split(value);
      std::array<double, 4> region{};
      bool right = parts.size() == 4;
      for (std::size_t i = 0; right && i < 4; ++i) {
        const auto part = number(parts[i]);
        right = part && *part >= 0 && *part <= 1;
        if (right) region[i] = *part;
      }
      if (!right || region[2] <= region[0] || region[3] <= region[1]) {
        return Error::invalid("region: left, top, right and bottom from 0.0 to 1.0 were expected");
      }
      request.region = region;
    } else if (name == "imageQuality") {
      GANTRY_LET(request.quality, parse_quality(name, value));
    } else if (name == "imageAnnotation" || name == "annotation") {
      GANTRY_TRY(parse_annotation(name, value, request));
    } else if (name == "iccprofile") {
      GANTRY_TRY(parse_icc_profile(value, request));
    }
  }
  if (center.has_value() != width.has_value()) {
    return Error::invalid("windowCenter and windowWidth are given together (PS3.18 §9.1.2.3)");
  }
  if (center) request.options.window = pixels::Window{*center, *width, VoiFunction::kLinear};
  if (rows || columns) {
    pixels::Viewport viewport;
    viewport.width = columns.value_or(static_cast<std::uint32_t>(kSideMost));
    viewport.height = rows.value_or(static_cast<std::uint32_t>(kSideMost));
    request.options.viewport = viewport;
  }
  return request;
}

pixels::RenderOptions options_for(const RenderRequest& request, std::uint32_t columns, std::uint32_t rows) {
  auto options = request.options;
  if (!request.region) return options;
  const auto& [left, top, right, bottom] = *request.region;
  pixels::Viewport viewport = options.viewport.value_or(pixels::Viewport());
  viewport.x = std::floor(left * columns);
  viewport.y = std::floor(top * rows);
  viewport.part_width = std::max(1.0, std::floor(right * columns) - *viewport.x);
  viewport.part_height = std::max(1.0, std::floor(bottom * rows) - *viewport.y);
  if (!options.viewport) {
    viewport.width = static_cast<std::uint32_t>(*viewport.part_width);
    viewport.height = static_cast<std::uint32_t>(*viewport.part_height);
  }
  options.viewport = viewport;
  return options;
}

}  // namespace gantry::dicomweb::wado
