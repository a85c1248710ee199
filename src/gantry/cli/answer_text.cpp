#include "gantry/cli/answer_text.hpp"

#include <cstddef>
#include <vector>

namespace gantry::cli {

std::uint64_t number_of(const simdjson::dom::element& object, const char* name) {
  std::uint64_t number = 0;
  return object[name].get(number) == simdjson::SUCCESS ? number : 0;
}

std::string text_of(const simdjson::dom::element& object, const char* name) {
  std::string_view text;
  return object[name].get(text) == simdjson::SUCCESS ? std::string(text) : "";
}

void each_line(ByteStream& stream, const std::function<void(std::string_view)>& line) {
  std::string waiting;
  std::vector<std::byte> buffer(64 * 1024);
  for (;;) {
    const auto got = stream.read(buffer);
    if (!got || *got == 0) return;
    waiting.append(reinterpret_cast<const char*>(buffer.data()), *got);
    std::size_t begin = 0;
    for (auto end = waiting.find('\n'); end != std::string::npos; end = waiting.find('\n', begin)) {
      line(std::string_view(waiting).substr(begin, end - begin));
      begin = end + 1;
    }
    waiting.erase(0, begin);
  }
}

}  // namespace gantry::cli
