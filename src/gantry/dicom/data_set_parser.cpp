#include "gantry/dicom/data_set_parser.hpp"

#include <cstdio>
#include <limits>
#include <utility>

#include "gantry/dicom/dictionary.hpp"
#include "gantry/dicom/unknown_vr.hpp"

namespace gantry::dicom {

namespace {

constexpr std::uint64_t kNoEnd = std::numeric_limits<std::uint64_t>::max();
constexpr std::size_t kShortHead = 8;
constexpr std::size_t kLongHead = 12;
constexpr std::size_t kFragmentBegin = 12;

std::uint16_t u16(const char* bytes, bool big_endian) noexcept {
  const auto a = static_cast<std::uint8_t>(bytes[0]);
  const auto b = static_cast<std::uint8_t>(bytes[1]);
  return static_cast<std::uint16_t>(big_endian ? (a << 8) | b : (b << 8) | a);
}

std::uint32_t u32(const char* bytes, bool big_endian) noexcept {
  const std::uint32_t first = u16(bytes, big_endian);
  const std::uint32_t second = u16(bytes + 2, big_endian);
  return big_endian ? (first << 16) | second : (second << 16) | first;
}

Tag tag_at(const char* bytes, bool big_endian) noexcept { return {u16(bytes, big_endian), u16(bytes + 2, big_endian)}; }

bool is_pixel_data(Tag tag) noexcept { return tag == Tag{0x7FE0, 0x0010}; }

// In Implicit VR the dictionary knows; private creators are LO (PS3.5 §7.8.1), group lengths UL, the rest is UN.
Vr implicit_vr(Tag tag) noexcept {
  if (tag.element == 0) return Vr::kUL;
  if (tag.is_private()) return tag.element >= 0x0010 && tag.element <= 0x00FF ? Vr::kLO : Vr::kUN;
  const DictionaryEntry* entry = find_attribute(tag);
  return entry == nullptr ? Vr::kUN : parse_vr(entry->vr);
}

bool is_capital(char c) noexcept { return c >= 'A' && c <= 'Z'; }

}  // namespace

std::string describe(Tag tag, std::uint64_t offset) {
  char text[64];
  std::snprintf(text, sizeof text, "(%04X,%04X) at offset %llu", tag.group, tag.element,
                static_cast<unsigned long long>(offset));
  return text;
}

DataSetParser::DataSetParser(DataSetHandler& handler, const ParserLimits& limits, bool implicit, bool big_endian,
                             std::uint64_t first_offset)
    : handler_(handler), limits_(limits) {
  cursor_.set_position(first_offset);
  levels_.reserve(8);
  levels_.push_back({Kind::kDataSet, implicit, big_endian, true, {}, first_offset, kNoEnd, kNoEnd});
}

std::string DataSetParser::where(Tag tag, std::uint64_t offset) const { return "element " + describe(tag, offset); }

Result<void> DataSetParser::feed(std::string_view piece) {
  cursor_.attach(piece);
  for (;;) {
    GANTRY_LET(const Step done, step());
    if (done == Step::kNeedMore) return {};
  }
}

Result<void> DataSetParser::finish() {
  const auto at = std::to_string(cursor_.position() + cursor_.waiting());
  switch (state_) {
    case State::kValue:
    case State::kSkip:
    case State::kUnknownSequence: {
      const std::uint64_t have = cursor_.position() + cursor_.waiting() - head_.value_offset;
      return Error::invalid("truncated: the file ends in " + where(head_.tag, head_.offset) + " after " +
                            std::to_string(have) + " of " + std::to_string(head_.length) + " bytes");
    }
    case State::kOffsetTable:
    case State::kFragment:
    case State::kFragmentRest:
      return Error::invalid("truncated: the file ends in a fragment of " +
                            where(levels_.back().tag, levels_.back().offset) + ", at offset " + at);
    case State::kHead: break;
  }
  if (cursor_.waiting() != 0)
    return Error::invalid("truncated: the file ends inside an element's header at offset " + at);
  if (levels_.size() > 1) {
    const Level& open = levels_.back();
    return Error::invalid("truncated: the file ends inside " + describe(open.tag, open.offset) +
                          (open.end == kNoEnd ? ", whose delimiter is missing" : ""));
  }
  return {};
}

DataSetParser::Progress DataSetParser::step() {
  switch (state_) {
    case State::kHead: {
      const Level& level = levels_.back();
      if (level.end == cursor_.position() && cursor_.waiting() == 0) {
        GANTRY_TRY(close());
        return Step::kGoOn;
      }
      return level.kind == Kind::kDataSet ? read_element() : read_item_head();
    }
    case State::kValue: return read_value();
    case State::kUnknownSequence: return read_unknown_sequence();
    case State::kSkip:
      skip_left_ -= cursor_.skip(skip_left_);
      if (skip_left_ > 0) return Step::kNeedMore;
      state_ = State::kHead;
      GANTRY_TRY(handler_.on_passed(head_));
      return Step::kGoOn;
    case State::kOffsetTable: {
      const char* bytes = cursor_.peek(fragment_.length);
      if (bytes == nullptr) return Step::kNeedMore;
      GANTRY_TRY(handler_.on_offset_table(fragment_.offset, fragment_.length, {bytes, fragment_.length}));
      cursor_.consume(fragment_.length);
      state_ = State::kHead;
      return Step::kGoOn;
    }
    case State::kFragment: return read_fragment();
    case State::kFragmentRest:
      skip_left_ -= cursor_.skip(skip_left_);
      if (skip_left_ > 0) return Step::kNeedMore;
      state_ = State::kHead;
      return Step::kGoOn;
  }
  return Step::kNeedMore;
}

Result<void> DataSetParser::count_element() {
  if (++elements_ > limits_.elements) {
    return Error::too_large("more than " + std::to_string(limits_.elements) + " elements, items and fragments");
  }
  return {};
}

DataSetParser::Progress DataSetParser::read_element() {
  const Level& level = levels_.back();
  const std::uint64_t at = cursor_.position();
  if (level.limit - at < kShortHead) {
    return Error::invalid(std::to_string(level.limit - at) + " stray bytes at the end of " +
                          describe(level.tag, level.offset));
  }
  const char* bytes = cursor_.peek(kShortHead);
  if (bytes == nullptr) return Step::kNeedMore;
  const Tag tag = tag_at(bytes, level.big_endian);
  if (tag.group == 0xFFFE) {
    const std::uint32_t length = u32(bytes + 4, level.big_endian);
    if (tag != kItemDelimiter && tag != kSequenceDelimiter) {
      return Error::invalid(where(tag, at) + " stands outside of a sequence");
    }
    if (length != 0) return Error::invalid("delimiter " + describe(tag, at) + " has a length that is not 0");
    cursor_.consume(kShortHead);
    if (tag == kItemDelimiter) {
      GANTRY_TRY(item_delimiter(at));
    } else {
      GANTRY_TRY(sequence_delimiter(at));
    }
    return Step::kGoOn;
  }

  ElementHead head;
  head.tag = tag;
  head.implicit = level.implicit;
  head.big_endian = level.big_endian;
  head.offset = at;
  std::size_t size = kShortHead;
  bool says_unknown = false;
  if (level.implicit) {
    head.vr = implicit_vr(tag);
    head.length = u32(bytes + 4, level.big_endian);
  } else {
    const auto vr = parse_vr(bytes[4], bytes[5]);
    bool long_length = vr && facts(*vr).long_length;
    if (!vr) {
      if (!is_capital(bytes[4]) || !is_capital(bytes[5])) {
        return Error::invalid(where(tag, at) +
                              " has no Value Representation: the data set is broken here, or not in "
                              "Explicit VR as its transfer syntax says");
      }
      // A VR of a later edition has the long form (PS3.5 §6.2.2, note on unknown VRs).
      long_length = true;
      handler_.on_oddity(where(tag, at) + " has the unknown VR " + std::string(bytes + 4, 2) + ", read as UN");
    }
    head.vr = vr.value_or(Vr::kUN);
    says_unknown = vr == Vr::kUN;
    if (long_length) {
      size = kLongHead;
      if (level.limit - at < kLongHead) {
        return Error::invalid("the header of " + where(tag, at) + " does not fit into what contains it");
      }
      bytes = cursor_.peek(kLongHead);
      if (bytes == nullptr) return Step::kNeedMore;
      head.length = u32(bytes + 8, level.big_endian);
    } else {
      head.length = u16(bytes + 6, level.big_endian);
    }
  }
  GANTRY_TRY(count_element());
  cursor_.consume(size);
  head.value_offset = cursor_.position();

  if (head.length == kUndefinedLength) {
    GANTRY_TRY(begin_undefined(head));
    return Step::kGoOn;
  }
  if (head.length > level.limit - head.value_offset) {
    return Error::invalid(where(tag, at) + " has length " + std::to_string(head.length) + ", but only " +
                          std::to_string(level.limit - head.value_offset) + " bytes are left in what contains it");
  }
  if (head.vr == Vr::kSQ) {
    GANTRY_TRY(begin_items(head, level.implicit, level.big_endian));
    return Step::kGoOn;
  }
  if ((head.length & 1) != 0) handler_.on_oddity(where(tag, at) + " has the odd length " + std::to_string(head.length));
  const Vr known = says_unknown ? known_vr(tag, head.length) : Vr::kUN;
  if (known == Vr::kSQ) {
    if (limits_.unknown_sequences && head.length <= limits_.value_bytes && depth_ <= limits_.nesting) {
      head_ = head;
      state_ = State::kUnknownSequence;
      return Step::kGoOn;
    }
  } else if (known != Vr::kUN) {
    head.vr = known;
    head.implicit = true;
    head.big_endian = false;
  }
  head_ = head;
  const bool hold = handler_.begin_value(head) == DataSetHandler::Wish::kHold && head.length <= limits_.value_bytes;
  state_ = hold ? State::kValue : State::kSkip;
  skip_left_ = head.length;
  return Step::kGoOn;
}

// The whole value is looked through before the handler hears of it: what turns out to be no sequence stays UN.
DataSetParser::Progress DataSetParser::read_unknown_sequence() {
  const char* bytes = cursor_.peek(head_.length);
  if (bytes == nullptr) return Step::kNeedMore;
  const std::string value(bytes, head_.length);
  ParserLimits left = limits_;
  left.nesting = limits_.nesting - depth_;
  left.elements = limits_.elements - elements_ + 1;  // this element is counted already
  cursor_.consume(value.size());
  state_ = State::kHead;
  if (!holds_items(value, left)) {
    if (handler_.begin_value(head_) == DataSetHandler::Wish::kHold) {
      GANTRY_TRY(handler_.on_value(head_, value));
    } else {
      GANTRY_TRY(handler_.on_passed(head_));
    }
    return Step::kGoOn;
  }
  PieceCursor behind = std::exchange(cursor_, {});
  cursor_.set_position(head_.value_offset);
  cursor_.attach(value);
  ElementHead head = head_;
  head.vr = Vr::kSQ;
  head.implicit = true;
  head.big_endian = false;
  const std::size_t outside = levels_.size();
  GANTRY_TRY(begin_items(head, true, false));
  // Inside, everything is implicit, so nothing is UN by the file: this does not come here again. The items' end is
  // known and their content was found whole, so no step asks for more.
  while (levels_.size() > outside) {
    GANTRY_LET(const Step done, step());
    if (done == Step::kNeedMore)
      return Error::internal("sequence " + describe(head.tag, head.offset) + " is not whole");
  }
  cursor_ = std::move(behind);
  return Step::kGoOn;
}

Result<void> DataSetParser::begin_undefined(const ElementHead& head) {
  const bool bytes_vr = head.vr == Vr::kOB || head.vr == Vr::kOW;
  if (is_pixel_data(head.tag) || (bytes_vr && !head.implicit)) {
    GANTRY_TRY(handler_.begin_fragments(head));
    return open(
        {Kind::kFragments, head.implicit, head.big_endian, true, head.tag, head.offset, kNoEnd, levels_.back().limit});
  }
  if (head.vr == Vr::kSQ || head.implicit) return begin_items(head, head.implicit, head.big_endian);
  // UN of undefined length is a sequence in Implicit VR Little Endian, whatever surrounds it (PS3.5 §6.2.2).
  if (head.vr == Vr::kUN) return begin_items(head, true, false);
  return Error::invalid(where(head.tag, head.offset) + " of VR " + std::string(facts(head.vr).name) +
                        " must not have undefined length");
}

Result<void> DataSetParser::begin_items(const ElementHead& head, bool implicit, bool big_endian) {
  if (++depth_ > limits_.nesting + 1) {
    return Error::too_large("sequences nested more than " + std::to_string(limits_.nesting) + " times at " +
                            where(head.tag, head.offset));
  }
  const std::uint64_t end = head.length == kUndefinedLength ? kNoEnd : head.value_offset + head.length;
  const std::uint64_t limit = end == kNoEnd ? levels_.back().limit : end;
  GANTRY_TRY(handler_.begin_sequence(head));
  return open({Kind::kItems, implicit, big_endian, true, head.tag, head.offset, end, limit});
}

Result<void> DataSetParser::open(Level level) {
  levels_.push_back(level);
  return {};
}

Result<void> DataSetParser::close() {
  const Level level = levels_.back();
  levels_.pop_back();
  switch (level.kind) {
    case Kind::kDataSet: return handler_.end_item();
    case Kind::kItems: --depth_; return handler_.end_sequence();
    case Kind::kFragments: return handler_.end_fragments(cursor_.position());
  }
  return {};
}

// Inside a data set. Where it belongs it ends an item of undefined length; elsewhere it is passed by, as others do.
Result<void> DataSetParser::item_delimiter(std::uint64_t offset) {
  if (levels_.size() > 1 && levels_.back().end == kNoEnd) return close();
  handler_.on_oddity("misplaced item delimiter at offset " + std::to_string(offset));
  return count_element();
}

// Inside a data set: an item of undefined length that was not delimited ends with its sequence.
Result<void> DataSetParser::sequence_delimiter(std::uint64_t offset) {
  handler_.on_oddity("misplaced sequence delimiter at offset " + std::to_string(offset));
  GANTRY_TRY(count_element());
  if (levels_.size() < 3 || levels_.back().end != kNoEnd || levels_[levels_.size() - 2].end != kNoEnd) return {};
  GANTRY_TRY(close());
  return close();
}

DataSetParser::Progress DataSetParser::read_item_head() {
  Level& level = levels_.back();
  const std::uint64_t at = cursor_.position();
  if (level.limit - at < kShortHead) {
    return Error::invalid(std::to_string(level.limit - at) + " stray bytes at the end of sequence " +
                          describe(level.tag, level.offset));
  }
  const char* bytes = cursor_.peek(kShortHead);
  if (bytes == nullptr) return Step::kNeedMore;
  const Tag tag = tag_at(bytes, level.big_endian);
  const std::uint32_t length = u32(bytes + 4, level.big_endian);
  if (tag != kItem && tag != kSequenceDelimiter && !(tag == kItemDelimiter && level.kind == Kind::kItems)) {
    return Error::invalid("found " + describe(tag, at) + " where an item of sequence " +
                          describe(level.tag, level.offset) + " must begin");
  }
  GANTRY_TRY(count_element());
  cursor_.consume(kShortHead);
  const std::uint64_t content = cursor_.position();

  if (tag != kItem) {
    if (length != 0) return Error::invalid("delimiter " + describe(tag, at) + " has a length that is not 0");
    if (tag == kSequenceDelimiter && level.end == kNoEnd) {
      GANTRY_TRY(close());
    } else {
      handler_.on_oddity("misplaced delimiter " + describe(tag, at));
    }
    return Step::kGoOn;
  }
  if (level.kind == Kind::kItems) {
    const std::uint64_t end = length == kUndefinedLength ? kNoEnd : content + length;
    if (end != kNoEnd && end > level.limit) {
      return Error::invalid("item " + describe(tag, at) + " has length " + std::to_string(length) +
                            ", more than its sequence " + describe(level.tag, level.offset) + " has left");
    }
    GANTRY_TRY(handler_.begin_item());
    GANTRY_TRY(open(
        {Kind::kDataSet, level.implicit, level.big_endian, true, kItem, at, end, end == kNoEnd ? level.limit : end}));
    return Step::kGoOn;
  }

  if (length == kUndefinedLength || length > level.limit - content) {
    return Error::invalid("fragment " + describe(tag, at) + " of " + describe(level.tag, level.offset) +
                          " has an impossible length");
  }
  fragment_ = {at, length, {}};
  skip_left_ = length;
  if (!level.first_item) {
    state_ = State::kFragment;
    return Step::kGoOn;
  }
  level.first_item = false;
  if (length <= limits_.value_bytes) {
    state_ = State::kOffsetTable;
  } else {
    GANTRY_TRY(handler_.on_offset_table(at, length, {}));
    state_ = State::kFragmentRest;
  }
  return Step::kGoOn;
}

DataSetParser::Progress DataSetParser::read_value() {
  const char* bytes = cursor_.peek(head_.length);
  if (bytes == nullptr) return Step::kNeedMore;
  state_ = State::kHead;
  GANTRY_TRY(handler_.on_value(head_, {bytes, head_.length}));
  cursor_.consume(head_.length);
  return Step::kGoOn;
}

DataSetParser::Progress DataSetParser::read_fragment() {
  const std::size_t begin = std::min<std::size_t>(fragment_.length, kFragmentBegin);
  const char* bytes = cursor_.peek(begin);
  if (bytes == nullptr) return Step::kNeedMore;
  fragment_.begin = {bytes, begin};
  GANTRY_TRY(handler_.on_fragment(fragment_));
  fragment_.begin = {};
  cursor_.consume(begin);
  skip_left_ -= begin;
  state_ = State::kFragmentRest;
  return Step::kGoOn;
}

}  // namespace gantry::dicom
