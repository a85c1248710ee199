#include "gantry/http/multipart.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

namespace gantry::http {

namespace {

/// RFC 2046 §5.1.1: what a boundary may hold; a space not at its end.
bool is_boundary(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
  };
  return !text.empty() && text.back() != ' ' && std::all_of(text.begin(), text.end(), allowed);
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

/// The body is read as if a CRLF stood before it, so that every delimiter is CRLF "--" boundary. What could be the
/// begin of a delimiter at the end of the fed bytes waits in `carry`; data is given out of the fed bytes themselves,
/// but for those few that waited.
struct MultipartParser::State {
  enum class Where { kPreamble, kAfterDelimiter, kPadding, kHeaders, kData, kDone };

  std::string delimiter;
  MultipartLimits limits;
  Where where = Where::kPreamble;
  std::string_view input;      ///< fed and not yet read
  std::string carry = "\r\n";  ///< begin of a possible delimiter; not empty only in kPreamble and kData
  bool carry_is_virtual =
      true;              ///< the CRLF in `carry` was never sent as data: it ended the headers, or stood before the body
  bool in_part = false;  ///< a part was begun, and its end not told yet
  std::size_t parts = 0;
  std::string after;   ///< what followed a delimiter, or the header block so far
  std::string waited;  ///< data that had to be copied; what `data` may point to
  std::string_view data;
  Headers headers;
  std::optional<Error> failure;

  Result<Event> next();
  bool find_delimiter();
  Result<bool> read_after_delimiter();
  Result<bool> read_headers();
  Result<void> parse_headers();
  [[nodiscard]] std::size_t tail_that_may_begin_a_delimiter(std::string_view text) const;
};

/// The length of the longest end of `text` that is a (proper) begin of the delimiter. As a delimiter holds one CR, at
/// its begin, only the last CR can start one.
std::size_t MultipartParser::State::tail_that_may_begin_a_delimiter(std::string_view text) const {
  const auto from = text.size() < delimiter.size() ? 0 : text.size() - delimiter.size() + 1;
  const auto last = text.substr(from).rfind('\r');
  if (last == std::string_view::npos) return 0;
  const auto tail = text.substr(from + last);
  return delimiter.compare(0, tail.size(), tail) == 0 ? tail.size() : 0;
}

/// Moves data before the next delimiter into `data`. True when the delimiter itself was read; the rest of `input` then
/// begins behind it.
bool MultipartParser::State::find_delimiter() {
  data = {};
  if (!carry.empty()) {
    const auto had = carry.size();
    const auto taken = std::min(input.size(), delimiter.size());
    carry.append(input.substr(0, taken));
    const auto found = carry.find(delimiter);
    std::size_t data_end;
    std::size_t next_begin;  // within carry
    if (found != std::string::npos) {
      data_end = found;
      next_begin = found + delimiter.size();
    } else {
      data_end = next_begin = carry.size() - tail_that_may_begin_a_delimiter(carry);
    }
    const std::size_t skipped = carry_is_virtual ? std::min<std::size_t>(2, data_end) : 0;
    waited.assign(carry, skipped, data_end - skipped);
    data = waited;
    if (data_end > 0) carry_is_virtual = false;
    if (found != std::string::npos || next_begin >= had) {  // the rest lies in `input`: go on there
      input.remove_prefix(next_begin - had);
      carry.clear();
    } else {  // too little came to tell
      input.remove_prefix(taken);
      carry.erase(0, next_begin);
    }
    if (found != std::string::npos) carry_is_virtual = false;
    return found != std::string::npos;
  }
  const auto* found = static_cast<const char*>(memmem(input.data(), input.size(), delimiter.data(), delimiter.size()));
  if (found != nullptr) {
    const auto length = static_cast<std::size_t>(found - input.data());
    data = input.substr(0, length);
    input.remove_prefix(length + delimiter.size());
    return true;
  }
  const auto tail = tail_that_may_begin_a_delimiter(input);
  data = input.substr(0, input.size() - tail);
  carry.assign(input.substr(input.size() - tail));
  input = {};
  return false;
}

/// Behind "CRLF--boundary": "--" ends the body, padding and CRLF begin a part, and anything else means that the bytes
/// only looked like a delimiter and are data. False: more input is needed.
Result<bool> MultipartParser::State::read_after_delimiter() {
  while (!input.empty()) {
    const char c = input.front();
    input.remove_prefix(1);
    if (where == Where::kPadding || !after.empty()) {
      if (where == Where::kAfterDelimiter && after == "-") {
        if (c == '-') {
          where = Where::kDone;
          return true;
        }
      } else if (after == "\r") {
        if (c != '\n') return Error::invalid("a line of the multipart body ends with CR without LF");
        after.clear();
        where = Where::kHeaders;
        return true;
      } else if (c == ' ' || c == '\t') {
        continue;
      } else if (c == '\r') {
        after = "\r";
        continue;
      } else {
        return Error::invalid(
            "behind a multipart delimiter stands something else than a line's end (lines end with CRLF)");
      }
    } else if (c == '-' || c == '\r') {
      after.assign(1, c);
      continue;
    } else if (c == ' ' || c == '\t') {
      where = Where::kPadding;
      continue;
    } else if (c == '\n') {
      return Error::invalid("lines of a multipart body end with CRLF, not with LF alone");
    }
    // A look-alike: what was taken for a delimiter is data, and so is what followed it.
    waited = delimiter + after;
    waited.push_back(c);
    after.clear();
    data = waited;
    where = in_part ? Where::kData : Where::kPreamble;
    if (c == '\r') {  // may begin the true one
      waited.pop_back();
      data = waited;
      carry = "\r";
      carry_is_virtual = false;
    }
    return true;
  }
  return false;
}

Result<bool> MultipartParser::State::read_headers() {
  while (!input.empty()) {
    const char c = input.front();
    // Said at once: a body whose lines end with LF alone would have headers without end.
    if (c == '\n' && !after.ends_with('\r')) {
      return Error::invalid("the header lines of a part end with CRLF, not with LF alone");
    }
    after.push_back(c);
    input.remove_prefix(1);
    if (after.size() > limits.part_header_bytes) {
      return Error::too_large("the headers of a part are larger than " + std::to_string(limits.part_header_bytes) +
                              " bytes");
    }
    if (after == "\r\n" || after.ends_with("\r\n\r\n")) {
      GANTRY_TRY(parse_headers());
      after.clear();
      carry = "\r\n";
      carry_is_virtual = true;
      where = Where::kData;
      return true;
    }
  }
  return false;
}

Result<void> MultipartParser::State::parse_headers() {
  headers = Headers{};
  std::string_view block = after;
  block.remove_suffix(2);  // the blank line
  std::string name;
  std::string value;
  const auto flush = [&] {
    if (!name.empty()) headers.add(std::move(name), std::string(trim(value)));
    name.clear();
    value.clear();
  };
  while (!block.empty()) {
    const auto end = block.find("\r\n");
    const auto line = block.substr(0, end);
    block = end == std::string_view::npos ? std::string_view{} : block.substr(end + 2);
    if (line.empty()) continue;
    if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
      return Error::invalid("a header line of a part holds a bare CR, LF or NUL");
    }
    if ((line.front() == ' ' || line.front() == '\t') && !name.empty()) {  // folded, as MIME allows (RFC 2822 §2.2.3)
      value.append(" ").append(trim(line));
      continue;
    }
    flush();
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || trim(line.substr(0, colon)).empty()) {
      return Error::invalid("a header line of a part is not written 'Name: value'");
    }
    name = trim(line.substr(0, colon));
    value = line.substr(colon + 1);
  }
  flush();
  return {};
}

Result<MultipartParser::Event> MultipartParser::State::next() {
  data = {};
  for (;;) {
    switch (where) {
      case Where::kPreamble:
      case Where::kData: {
        if (input.empty()) return Event::kNeedMore;
        const bool found = find_delimiter();
        if (found) where = Where::kAfterDelimiter;
        if (in_part && !data.empty()) return Event::kPartData;
        if (!found && input.empty() && carry.empty()) return Event::kNeedMore;
        break;
      }
      case Where::kAfterDelimiter:
      case Where::kPadding: {
        if (input.empty()) return Event::kNeedMore;
        GANTRY_LET(const bool read, read_after_delimiter());
        if (!read) return Event::kNeedMore;
        if (where == Where::kData) return Event::kPartData;  // a look-alike
        if (where == Where::kPreamble) break;
        if (where == Where::kHeaders && parts == limits.parts) {
          return Error::too_large("the request has more than " + std::to_string(limits.parts) + " parts");
        }
        if (in_part) {
          in_part = false;
          return Event::kPartEnd;
        }
        break;
      }
      case Where::kHeaders: {
        if (input.empty()) return Event::kNeedMore;
        GANTRY_LET(const bool read, read_headers());
        if (!read) return Event::kNeedMore;
        ++parts;
        in_part = true;
        return Event::kPartBegin;
      }
      case Where::kDone: input = {}; return Event::kEnd;
    }
  }
}

MultipartParser::MultipartParser() : state_(std::make_unique<State>()) {}
MultipartParser::MultipartParser(MultipartParser&&) noexcept = default;
MultipartParser& MultipartParser::operator=(MultipartParser&&) noexcept = default;
MultipartParser::~MultipartParser() = default;

Result<MultipartParser> MultipartParser::create(std::string_view boundary, MultipartLimits limits) {
  if (boundary.empty()) return Error::invalid("the Content-Type has no boundary parameter");
  if (boundary.size() > limits.boundary_bytes) {
    return Error::invalid("the boundary is longer than " + std::to_string(limits.boundary_bytes) +
                          " characters (RFC 2046 §5.1.1)");
  }
  if (!is_boundary(boundary)) return Error::invalid("the boundary holds characters that RFC 2046 §5.1.1 forbids");
  MultipartParser parser;
  parser.state_->delimiter = "\r\n--" + std::string(boundary);
  parser.state_->limits = limits;
  return parser;
}

void MultipartParser::feed(std::span<const std::byte> bytes) {
  state_->input = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Result<MultipartParser::Event> MultipartParser::next() {
  if (state_->failure) return *state_->failure;
  auto event = state_->next();
  if (!event) state_->failure = event.error();
  return event;
}

Result<void> MultipartParser::finish() const {
  if (state_->failure) return *state_->failure;
  if (state_->where == State::Where::kDone) return {};
  if (state_->parts == 0 && !state_->in_part)
    return Error::invalid("the body holds no part: the first delimiter was not found");
  return Error::invalid("the body ends before its closing delimiter");
}

const Headers& MultipartParser::headers() const noexcept { return state_->headers; }

std::span<const std::byte> MultipartParser::data() const noexcept {
  return std::as_bytes(std::span(state_->data.data(), state_->data.size()));
}

}  // namespace gantry::http
