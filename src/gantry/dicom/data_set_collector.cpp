#include "gantry/dicom/charset.hpp"
#include "gantry/dicom/data_set_collector.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "gantry/dicom/json_writer.hpp"
#include "gantry/dicom/unknown_vr.hpp"

namespace gantry::dicom {

namespace {

constexpr Tag kCharacterSet{0x0008, 0x0005};
constexpr Tag kSopClassUid{0x0008, 0x0016};
constexpr Tag kSopInstanceUid{0x0008, 0x0018};
constexpr Tag kStudyUid{0x0020, 0x000D};
constexpr Tag kSeriesUid{0x0020, 0x000E};
constexpr Tag kPixelRepresentation{0x0028, 0x0103};
constexpr Tag kLutDescriptor{0x0028, 0x3002};
constexpr Tag kLutData{0x0028, 0x3006};
constexpr Tag kScheduledStepSequence{0x0040, 0x0100};
constexpr Tag kWaveformData{0x5400, 0x1010};
constexpr Tag kEncapsulatedDocument{0x0042, 0x0011};
constexpr std::size_t kWarningsMax = 32;
constexpr std::size_t kTextValuesMax = 65'536;
constexpr std::size_t kUndecidedMax = 16;
constexpr std::size_t kUndecidedBytes = 16;

// Attributes that are US or SS, as Pixel Representation says (PS3.6). In Explicit VR the file tells.
constexpr std::array<std::uint32_t, 25> kUnsignedOrSigned = {
    0x00189810, 0x00221452, 0x00280071, 0x00280104, 0x00280105, 0x00280106, 0x00280107, 0x00280108, 0x00280109,
    0x00280110, 0x00280111, 0x00280120, 0x00280121, 0x00281100, 0x00281101, 0x00281102, 0x00281103, 0x00281111,
    0x00281112, 0x00281113, 0x00283002, 0x00409211, 0x00409216, 0x00603004, 0x00603006};
static_assert(std::is_sorted(kUnsignedOrSigned.begin(), kUnsignedOrSigned.end()));

// Group lengths, and groups that belong to messages and to the File Meta, are no part of DICOM JSON (PS3.18 F.2.2).
bool is_left_out(Tag tag) noexcept { return tag.element == 0 || tag.group == 0x0000 || tag.group == 0x0002; }

// By nature bulk, however short.
bool is_always_bulk(Tag tag) noexcept {
  return PixelIndexer::is_pixel_data(tag) || tag == kWaveformData || tag == kEncapsulatedDocument;
}

bool is_plain_ascii(std::string_view bytes) noexcept {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x80 && byte != 0x1B;
  });
}

std::string_view trim_end(std::string_view text) noexcept {
  while (!text.empty() && (text.back() == '\0' || text.back() == ' ')) text.remove_suffix(1);
  return text;
}

bool is_single_text(Vr vr) noexcept { return vr == Vr::kST || vr == Vr::kLT || vr == Vr::kUT || vr == Vr::kUR; }

std::string tag_text(Tag tag) { return "(" + to_hex8(tag).insert(4, 1, ',') + ")"; }

}  // namespace

DataSetCollector::DataSetCollector(const IndexerLimits& limits) : limits_(limits), json_(limits.json_bytes) {
  scopes_.emplace_back();
}

bool DataSetCollector::identified() const noexcept {
  return !study_.empty() && !series_.empty() && !sop_.empty() && !sop_class_.empty();
}

Result<void> DataSetCollector::on_file_meta(const FileMeta& meta) {
  meta_ = meta;
  if (!storable_class(meta.sop_class)) return refuse_class(meta.sop_class);
  return {};
}

// OpenSSL can't take a prefix out of a hash, so the data set is hashed apart from the file.
void DataSetCollector::on_dataset_bytes(std::string_view bytes) {
  dataset_hash_.update(std::as_bytes(std::span(bytes)));
}

void DataSetCollector::on_oddity(std::string text) {
  if (warnings_.size() < kWarningsMax) {
    warnings_.push_back(std::move(text));
  } else if (warnings_.size() == kWarningsMax) {
    warnings_.emplace_back("more oddities are not listed");
  }
}

Vr DataSetCollector::resolve(const ElementHead& head) const noexcept {
  if (!head.implicit || (head.vr != Vr::kUS && head.vr != Vr::kOW)) return head.vr;
  const Scope& scope = scopes_.back();
  if (head.tag == kLutData) return scope.lut_entries == 1 ? Vr::kUS : Vr::kOW;
  if (head.vr == Vr::kUS && scope.signed_pixels &&
      std::binary_search(kUnsignedOrSigned.begin(), kUnsignedOrSigned.end(), head.tag.value())) {
    return Vr::kSS;
  }
  return head.vr;
}

DataSetCollector::Wish DataSetCollector::begin_value(const ElementHead& head) {
  if (ignored_depth_ > 0 || is_left_out(head.tag)) return Wish::kPass;
  if (head.length == 0) return Wish::kHold;
  if (is_always_bulk(head.tag)) return Wish::kPass;
  if (at_top() && PixelIndexer::wants(head.tag)) return Wish::kHold;
  const VrFacts& vr = facts(head.vr);
  if (vr.kind == VrKind::kBytes) return head.length <= limits_.inline_bytes ? Wish::kHold : Wish::kPass;
  if (vr.bulk_allowed) return head.length <= limits_.inline_text_bytes ? Wish::kHold : Wish::kPass;
  return Wish::kHold;
}

void DataSetCollector::note_context(Tag tag, std::string_view bytes, bool big_endian) {
  Scope& scope = scopes_.back();
  if (tag == kCharacterSet) {
    scope.charset = CharacterSet(bytes);
    if (scope.charset.unknown()) on_oddity("unknown Specific Character Set");
    // Some sets mean something else by a few ASCII bytes (JIS X 0201), or start with another set.
    const auto probe = scope.charset.to_utf8("A~", CharacterSet::Kind::kSingle);
    scope.plain_ascii = probe.size() == 1 && probe.front().text == "A~";
  } else if ((tag == kPixelRepresentation || tag == kLutDescriptor) && bytes.size() >= 2) {
    const auto first = static_cast<std::uint8_t>(bytes[big_endian ? 1 : 0]);
    const auto second = static_cast<std::uint8_t>(bytes[big_endian ? 0 : 1]);
    const auto value = static_cast<std::uint16_t>((second << 8) | first);
    if (tag == kLutDescriptor) {
      scope.lut_entries = value;
    } else {
      scope.signed_pixels = value == 1;
    }
  }
}

// Fills `values_`. One empty value stays one empty value.
void DataSetCollector::split_text(Tag tag, Vr vr, std::string_view bytes) {
  values_.clear();
  const Scope& scope = scopes_.back();
  const bool by_charset = obeys_character_set(vr);
  if (!is_plain_ascii(bytes) || (by_charset && !scope.plain_ascii)) {
    static const CharacterSet kDefault;
    const auto kind = is_single_text(vr) ? CharacterSet::Kind::kSingle
                      : vr == Vr::kPN    ? CharacterSet::Kind::kPersonName
                                         : CharacterSet::Kind::kMulti;
    converted_ = (by_charset ? scope.charset : kDefault).to_utf8(bytes, kind);
    bool damaged = false;
    for (const Utf8Text& text : converted_) {
      values_.emplace_back(text.text);
      damaged = damaged || text.damaged;
    }
    if (damaged) on_oddity("text in " + tag_text(tag) + " does not fit its character set");
  } else if (is_single_text(vr)) {
    values_.push_back(trim_end(bytes));
  } else {
    const bool keep_leading = vr == Vr::kUC;
    for (;;) {
      const std::size_t cut = bytes.find('\\');
      const std::string_view value = bytes.substr(0, cut);
      values_.push_back(keep_leading ? trim_end(value) : trim_padding(value));
      if (cut == std::string_view::npos) break;
      bytes.remove_prefix(cut + 1);
    }
  }
  if (vr == Vr::kPN) {
    for (std::string_view& name : values_) {
      if (name.find_first_not_of("= ") == std::string_view::npos) name = {};
    }
  }
}

// The same for numbers, as decimal text separated in `numbers_`.
void DataSetCollector::split_numbers(Vr vr, std::string_view bytes, bool big_endian) {
  values_.clear();
  numbers_.clear();
  if (bytes.empty() || bytes.size() % value_size(vr) != 0) return;
  if (!append_number_items(numbers_, vr, bytes, big_endian)) return;
  std::string_view rest = numbers_;
  for (;;) {
    const std::size_t cut = rest.find(',');
    values_.push_back(rest.substr(0, cut));
    if (cut == std::string_view::npos) break;
    rest.remove_prefix(cut + 1);
  }
}

Result<void> DataSetCollector::note_uid(Tag tag, std::string_view uid) {
  const char* name = tag == kStudyUid      ? "Study Instance UID"
                     : tag == kSeriesUid   ? "Series Instance UID"
                     : tag == kSopClassUid ? "SOP Class UID"
                                           : "SOP Instance UID";
  if (uid.empty()) return {};
  if (!is_valid_uid(uid)) {
    return Error::invalid("invalid " + std::string(name) + " " + tag_text(tag) +
                          ": a UID has at most 64 digits and dots");
  }
  std::string text(uid);
  if (tag == kStudyUid) {
    if (study_.empty()) study_ = StudyUid(std::move(text));
  } else if (tag == kSeriesUid) {
    if (series_.empty()) series_ = SeriesUid(std::move(text));
  } else if (tag == kSopClassUid) {
    if (!sop_class_.empty()) return {};
    sop_class_ = std::move(text);
    if (!storable_class(sop_class_)) return refuse_class(sop_class_);
  } else if (sop_.empty()) {
    sop_ = SopUid(std::move(text));
    // Seen often in files that were anonymised or edited: the data set is what counts (PS3.10 §7.1 wants them equal).
    if (!meta_.sop_instance.empty() && meta_.sop_instance != sop_.view()) {
      on_oddity("the File Meta group (0002,0003) names another SOP Instance UID than the data set (0008,0018)");
    }
  }
  return {};
}

Result<void> DataSetCollector::note_top_level(const ElementHead& head, Vr vr, std::string_view bytes) {
  const Tag tag = head.tag;
  if (!bytes.empty()) class_check_.on_value(tag);
  if (PixelIndexer::wants(tag)) pixels_.on_value(tag, bytes, head.big_endian && head.vr != Vr::kUN);
  if (tag == kSopClassUid || tag == kSopInstanceUid || tag == kStudyUid || tag == kSeriesUid) {
    return note_uid(tag, trim_padding(bytes));
  }
  if (!QidoCollector::wants(tag)) return {};
  // Of a VR that this edition does not have the JSON shows bytes, but searching goes by what the attribute is.
  if (vr == Vr::kUN) {
    vr = known_vr(tag, head.length);
    if (facts(vr).kind == VrKind::kText) split_text(tag, vr, bytes);
  }
  if (facts(vr).kind == VrKind::kNumber) split_numbers(vr, bytes, head.big_endian && head.vr != Vr::kUN);
  const VrKind kind = facts(vr).kind;
  if (kind == VrKind::kText || kind == VrKind::kNumber) qido_.on_value(tag, values_);
  return {};
}

Result<void> DataSetCollector::on_value(const ElementHead& head, std::string_view bytes) {
  if (ignored_depth_ > 0 || is_left_out(head.tag)) return {};
  note_context(head.tag, bytes, head.big_endian && head.vr != Vr::kUN);
  const Vr vr = resolve(head);
  if (facts(vr).kind == VrKind::kText) {
    if (bytes.size() > kTextValuesMax &&
        static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), '\\')) >= kTextValuesMax) {
      on_oddity(tag_text(head.tag) + " has too many values");
      return write_bulk(head, facts(vr).bulk_allowed ? vr : Vr::kUN);
    }
    split_text(head.tag, vr, bytes);
  }
  if (at_top()) {
    GANTRY_TRY(note_top_level(head, vr, bytes));
  } else if (scopes_.size() == 2 && scopes_.back().sequence == QidoCollector::kRequestAttributes &&
             QidoCollector::wants_of_request(head.tag) && facts(vr).kind == VrKind::kText) {
    qido_.on_request_value(head.tag, values_);
  }
  // Held only because its content matters here.
  if (facts(vr).kind == VrKind::kBytes && bytes.size() > limits_.inline_bytes) return write_bulk(head, vr);
  if (must_wait(head, bytes)) {
    scopes_.back().undecided.emplace_back(head, bytes);
    return {};
  }
  write_value(head, vr, bytes);
  return json_.check();
}

// Implicit VR leaves US or SS to Pixel Representation, which a few attributes precede.
bool DataSetCollector::must_wait(const ElementHead& head, std::string_view bytes) const noexcept {
  return head.implicit && head.vr == Vr::kUS && head.tag < kPixelRepresentation && bytes.size() <= kUndecidedBytes &&
         scopes_.back().undecided.size() < kUndecidedMax &&
         std::binary_search(kUnsignedOrSigned.begin(), kUnsignedOrSigned.end(), head.tag.value());
}

void DataSetCollector::write_undecided() {
  const auto undecided = std::exchange(scopes_.back().undecided, {});
  for (const auto& [head, bytes] : undecided) write_value(head, resolve(head), bytes);
}

void DataSetCollector::write_value(const ElementHead& head, Vr vr, std::string_view bytes) {
  if (facts(vr).kind == VrKind::kNumber && bytes.size() % value_size(vr) != 0) {
    on_oddity(tag_text(head.tag) + " is not a whole number of values, kept as UN");
    vr = Vr::kUN;
  }
  json_.begin_element(head.tag, vr);
  switch (facts(vr).kind) {
    case VrKind::kText:
      if (values_.size() > 1 || (!values_.empty() && !values_.front().empty())) {
        json_.begin_values();
        append_text_items(json_.out(), vr, values_);
        json_.end_values();
      }
      break;
    case VrKind::kNumber: {
      if (bytes.empty()) break;
      const std::size_t before = json_.out().size();
      json_.begin_values();
      if (append_number_items(json_.out(), vr, bytes, head.big_endian)) {
        json_.end_values();
      } else {
        json_.out().resize(before);
        json_.bulk_uri(byte_order_of(head, vr), {head.value_offset, head.length}, true);
      }
      break;
    }
    case VrKind::kBytes:
      if (!bytes.empty()) json_.inline_binary(vr, bytes, head.big_endian);
      break;
    case VrKind::kSequence: break;
  }
  json_.end_element();
}

// Bulk values are swapped on their way out by their VR's word. Little endian ones in a big endian file (all that was
// written as UN) must not be, so the layout calls them UN.
Vr DataSetCollector::byte_order_of(const ElementHead& head, Vr vr) const noexcept {
  return meta_.encoding.big_endian && !head.big_endian ? Vr::kUN : vr;
}

Result<void> DataSetCollector::write_bulk(const ElementHead& head, Vr vr) {
  json_.begin_element(head.tag, vr);
  const bool top_pixels = at_top() && PixelIndexer::is_pixel_data(head.tag);
  json_.bulk_uri(byte_order_of(head, vr), {head.value_offset, head.length}, !top_pixels);
  json_.end_element();
  return json_.check();
}

Result<void> DataSetCollector::on_passed(const ElementHead& head) {
  if (ignored_depth_ > 0 || is_left_out(head.tag)) return {};
  if (at_top()) class_check_.on_value(head.tag);
  if (at_top() && PixelIndexer::is_pixel_data(head.tag)) pixels_.on_native(head);
  Vr vr = resolve(head);
  if (!facts(vr).bulk_allowed) {
    on_oddity(tag_text(head.tag) + " is too long for its VR, kept as UN");
    vr = Vr::kUN;
  }
  return write_bulk(head, vr);
}

Result<void> DataSetCollector::begin_sequence(const ElementHead& head) {
  if (ignored_depth_ > 0 || is_left_out(head.tag)) {
    ++ignored_depth_;
    return {};
  }
  if (at_top() && head.tag == kScheduledStepSequence) worklist_ = true;
  sequences_.push_back(head.tag);
  json_.begin_sequence(head.tag);
  return json_.check();
}

Result<void> DataSetCollector::begin_item() {
  if (ignored_depth_ > 0) return {};
  if (at_top()) class_check_.on_value(sequences_.back());
  if (at_top() && sequences_.back() == QidoCollector::kRequestAttributes) qido_.begin_request();
  scopes_.push_back(scopes_.back());
  scopes_.back().sequence = sequences_.back();
  scopes_.back().undecided.clear();
  json_.begin_item();
  return json_.check();
}

Result<void> DataSetCollector::end_item() {
  if (ignored_depth_ > 0) return {};
  write_undecided();
  scopes_.pop_back();
  json_.end_item();
  return {};
}

Result<void> DataSetCollector::end_sequence() {
  if (ignored_depth_ > 0) {
    --ignored_depth_;
    return {};
  }
  sequences_.pop_back();
  json_.end_sequence();
  return json_.check();
}

Result<void> DataSetCollector::begin_fragments(const ElementHead& head) {
  fragmented_ = head;
  fragment_count_ = 0;
  first_fragment_ = {};
  if (ignored_depth_ == 0 && at_top() && PixelIndexer::is_pixel_data(head.tag)) pixels_.begin_fragments(head);
  return {};
}

Result<void> DataSetCollector::on_offset_table(std::uint64_t offset, std::uint32_t length, std::string_view bytes) {
  if (ignored_depth_ == 0 && at_top() && PixelIndexer::is_pixel_data(fragmented_.tag)) {
    pixels_.on_offset_table(offset, length, bytes);
  }
  return {};
}

Result<void> DataSetCollector::on_fragment(const FragmentHead& fragment) {
  if (fragment_count_++ == 0) first_fragment_ = {fragment.offset + 8, fragment.length};
  if (ignored_depth_ == 0 && at_top() && PixelIndexer::is_pixel_data(fragmented_.tag)) pixels_.on_fragment(fragment);
  return {};
}

Result<void> DataSetCollector::end_fragments(std::uint64_t end) {
  const ElementHead& head = fragmented_;
  if (ignored_depth_ > 0 || is_left_out(head.tag)) return {};
  const bool top_pixels = at_top() && PixelIndexer::is_pixel_data(head.tag);
  if (at_top()) class_check_.on_value(head.tag);
  if (top_pixels) pixels_.end_fragments(end);
  // UN of undefined length would be a sequence; what lies here is OB (PS3.5 A.4).
  const Vr vr = head.vr == Vr::kUN ? Vr::kOB : head.vr;
  json_.begin_element(head.tag, vr);
  // A nested image of one fragment is that fragment; of several, the items as they are.
  const ByteRange whole{head.value_offset, end - head.value_offset};
  json_.bulk_uri(vr, fragment_count_ == 1 ? first_fragment_ : whole, !top_pixels);
  json_.end_element();
  return json_.check();
}

Result<IndexedInstance> DataSetCollector::finish() {
  std::string missing;
  const auto need = [&missing](bool there, const char* name) {
    if (!there) missing += (missing.empty() ? "no " : ", no ") + std::string(name);
  };
  need(!sop_class_.empty(), "SOP Class UID (0008,0016)");
  need(!sop_.empty(), "SOP Instance UID (0008,0018)");
  need(!study_.empty(), "Study Instance UID (0020,000D)");
  need(!series_.empty(), "Series Instance UID (0020,000E)");
  if (!missing.empty()) {
    // DCMTK keeps worklists as files without a SOP class.
    if (worklist_ && sop_class_.empty()) missing += ": a modality worklist entry is not a composite instance";
    return Error::invalid(missing);
  }

  IndexedInstance instance;
  const std::string root =
      "/dicom-web/studies/" + study_.str() + "/series/" + series_.str() + "/instances/" + sop_.str() + "/bulkdata/";
  write_undecided();
  GANTRY_LET(instance.json, json_.finish(root));
  instance.study = study_;
  instance.series = series_;
  instance.sop = sop_;
  instance.sop_class = sop_class_;
  instance.transfer_syntax = meta_.transfer_syntax;
  instance.attributes = qido_.take();
  instance.layout.transfer_syntax = meta_.transfer_syntax;
  instance.layout.dataset_offset = meta_.dataset_offset;
  instance.layout.inflated = meta_.encoding.deflated;
  instance.layout.big_endian = meta_.encoding.big_endian;
  instance.layout.pixels = pixels_.finish(meta_.encoding);
  instance.layout.bulk = json_.take_bulk();
  instance.dataset_sha256 = dataset_hash_.finish();
  instance.missing = class_check_.missing(sop_class_);
  instance.warnings = std::move(warnings_);
  return instance;
}

}  // namespace gantry::dicom
