#include "gantry/dicom/explicit_encoder.hpp"

#include <algorithm>
#include <cassert>

namespace gantry::dicom {

namespace {

constexpr Tag kLengthToEnd{0x0008, 0x0001};
constexpr std::uint32_t kShortLengthMax = 65'534;  // the longest even 16-bit length
constexpr std::uint32_t kHeldMax = 64;             // of the few values that others depend on

void append_u16(std::string& out, std::uint16_t value) {
  out.push_back(static_cast<char>(value & 0xFF));
  out.push_back(static_cast<char>(value >> 8));
}

void append_u32(std::string& out, std::uint32_t value) {
  append_u16(out, static_cast<std::uint16_t>(value));
  append_u16(out, static_cast<std::uint16_t>(value >> 16));
}

// Lengths of what is re-encoded are no longer right; both kinds are retired (PS3.5 §7.2, PS3.6).
bool is_left_out(Tag tag) noexcept { return tag.element == 0 || tag == kLengthToEnd; }

// Values have even lengths (PS3.5 §7.1.1). 0xFFFFFFFF is no length, so this does not overflow.
std::uint32_t padded(std::uint32_t length) noexcept { return length + (length & 1); }

/// How a value of this length is written. A VR with a 16-bit length can't hold a long value: it becomes UN (PS3.5
/// §6.2.2); so does a number that is not whole.
Vr written_vr(Vr vr, std::uint32_t length) noexcept {
  const VrFacts& vr_facts = facts(vr);
  if (!vr_facts.long_length && padded(length) > kShortLengthMax) return Vr::kUN;
  if (vr_facts.kind == VrKind::kNumber && length % value_size(vr) != 0) return Vr::kUN;
  return vr;
}

}  // namespace

void append_explicit_head(std::string& out, Tag tag, Vr vr, std::uint32_t length) {
  append_u16(out, tag.group);
  append_u16(out, tag.element);
  out += facts(vr).name;
  if (facts(vr).long_length) {
    append_u16(out, 0);
    append_u32(out, length);
  } else {
    append_u16(out, static_cast<std::uint16_t>(length));
  }
}

ExplicitEncoder::ExplicitEncoder(std::string& out) : out_(out) { contexts_.emplace_back(); }

void ExplicitEncoder::begin_piece(std::uint64_t offset, std::string_view piece) noexcept {
  piece_offset_ = offset;
  piece_ = piece;
}

void ExplicitEncoder::end_piece() {
  copy_available();
  piece_ = {};
}

void ExplicitEncoder::begin_copy(std::uint64_t offset, std::uint64_t length, std::size_t word_bytes, char padding) {
  assert(!copying_);
  copy_.next = offset;
  copy_.end = offset + length;
  copy_.word_bytes = word_bytes;
  copy_.odd = (length & 1) != 0;
  copy_.padding = padding;
  copy_.cut_word.clear();
  copying_ = true;
}

// The parser tells of what comes behind a value only after it has seen the value's last byte, so by then all that was
// not copied with earlier pieces is in this one.
void ExplicitEncoder::copy_available() {
  if (!copying_) return;
  const std::uint64_t end = std::min(copy_.end, piece_offset_ + piece_.size());
  if (copy_.next < end) {
    append_value(piece_.substr(static_cast<std::size_t>(copy_.next - piece_offset_),
                               static_cast<std::size_t>(end - copy_.next)));
    copy_.next = end;
  }
  if (copy_.next < copy_.end) return;
  out_ += copy_.cut_word;
  if (copy_.odd) out_.push_back(copy_.padding);
  copying_ = false;
}

void ExplicitEncoder::append_value(std::string_view bytes) {
  const std::size_t word = copy_.word_bytes;
  if (word <= 1) {
    out_ += bytes;
    return;
  }
  if (!copy_.cut_word.empty()) {
    const std::size_t more = std::min(word - copy_.cut_word.size(), bytes.size());
    copy_.cut_word += bytes.substr(0, more);
    bytes.remove_prefix(more);
    if (copy_.cut_word.size() < word) return;
    out_.append(copy_.cut_word.rbegin(), copy_.cut_word.rend());
    copy_.cut_word.clear();
  }
  const std::size_t whole = bytes.size() - bytes.size() % word;
  const std::size_t begin = out_.size();
  out_ += bytes.substr(0, whole);
  for (std::size_t at = begin; at < out_.size(); at += word) {
    std::reverse(out_.begin() + static_cast<std::ptrdiff_t>(at), out_.begin() + static_cast<std::ptrdiff_t>(at + word));
  }
  copy_.cut_word = bytes.substr(whole);
}

void ExplicitEncoder::append_item(std::uint32_t length) {
  append_u16(out_, kItem.group);
  append_u16(out_, kItem.element);
  append_u32(out_, length);
}

void ExplicitEncoder::append_delimiter(Tag tag) {
  append_u16(out_, tag.group);
  append_u16(out_, tag.element);
  append_u32(out_, 0);
}

DataSetHandler::Wish ExplicitEncoder::begin_value(const ElementHead& head) {
  copy_available();
  if (is_left_out(head.tag)) return Wish::kPass;
  const Vr vr = contexts_.back().resolve(head);
  const VrFacts& vr_facts = facts(vr);
  append_explicit_head(out_, head.tag, written_vr(vr, head.length), padded(head.length));
  const char padding = vr_facts.kind == VrKind::kText && vr != Vr::kUI ? ' ' : '\0';
  begin_copy(head.value_offset, head.length, head.big_endian ? vr_facts.word_bytes : 1, padding);
  return VrContext::wants(head.tag) && head.length <= kHeldMax ? Wish::kHold : Wish::kPass;
}

Result<void> ExplicitEncoder::on_value(const ElementHead& head, std::string_view bytes) {
  contexts_.back().note(head, bytes);
  // A held value may have begun in an earlier piece, of which a part has been copied then.
  const std::uint64_t copied = copy_.next - head.value_offset;
  append_value(bytes.substr(static_cast<std::size_t>(copied)));
  copy_.next = copy_.end;
  copy_available();
  return {};
}

Result<void> ExplicitEncoder::on_passed(const ElementHead&) {
  copy_available();
  return {};
}

Result<void> ExplicitEncoder::begin_sequence(const ElementHead& head) {
  copy_available();
  append_explicit_head(out_, head.tag, Vr::kSQ, kUndefinedLength);
  return {};
}

Result<void> ExplicitEncoder::begin_item() {
  copy_available();
  append_item(kUndefinedLength);
  contexts_.push_back(contexts_.back());
  return {};
}

Result<void> ExplicitEncoder::end_item() {
  copy_available();
  append_delimiter(kItemDelimiter);
  contexts_.pop_back();
  return {};
}

Result<void> ExplicitEncoder::end_sequence() {
  copy_available();
  append_delimiter(kSequenceDelimiter);
  return {};
}

// Fragments in a data set whose transfer syntax has none: kept as they are, they are OB (PS3.5 A.4).
Result<void> ExplicitEncoder::begin_fragments(const ElementHead& head) {
  copy_available();
  append_explicit_head(out_, head.tag, head.vr == Vr::kOW ? Vr::kOW : Vr::kOB, kUndefinedLength);
  return {};
}

Result<void> ExplicitEncoder::on_offset_table(std::uint64_t offset, std::uint32_t length, std::string_view bytes) {
  copy_available();
  append_item(padded(length));
  begin_copy(offset + 8, length, 1, '\0');
  if (bytes.size() == length) {
    append_value(bytes);
    copy_.next = copy_.end;
    copy_available();
  }
  return {};
}

Result<void> ExplicitEncoder::on_fragment(const FragmentHead& fragment) {
  copy_available();
  append_item(padded(fragment.length));
  begin_copy(fragment.offset + 8, fragment.length, 1, '\0');
  append_value(fragment.begin);
  copy_.next += fragment.begin.size();
  return {};
}

Result<void> ExplicitEncoder::end_fragments(std::uint64_t) {
  copy_available();
  append_delimiter(kSequenceDelimiter);
  return {};
}

void ExplicitEncoder::on_oddity(std::string) {}  // the indexer has said so when the object was stored

}  // namespace gantry::dicom
