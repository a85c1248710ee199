#include "gantry/pixels/patching_encoder.hpp"

namespace gantry::pixels {

using dicom::ElementHead;
using dicom::Tag;

std::string explicit_element(Tag tag, dicom::Vr vr, std::string_view value) {
  std::string element;
  const bool odd = value.size() % 2 != 0;
  dicom::append_explicit_head(element, tag, vr, static_cast<std::uint32_t>(value.size() + (odd ? 1 : 0)));
  element += value;
  if (odd) element.push_back(vr == dicom::Vr::kUI ? '\0' : ' ');
  return element;
}

void PatchingEncoder::write_until(Tag tag) {
  if (patches_.empty() || tag < patches_.begin()->first) return;
  // What the encoder has still to copy of the element before stands first.
  (void)inner_.on_passed({});
  while (!patches_.empty() && patches_.begin()->first <= tag) {
    out_ += patches_.begin()->second;
    written_.insert(patches_.extract(patches_.begin()));
  }
}

void PatchingEncoder::finish() { write_until({0xFFFF, 0xFFFF}); }

dicom::DataSetHandler::Wish PatchingEncoder::begin_value(const ElementHead& head) {
  if (depth_ == 0) {
    write_until(head.tag);
    if (written_.contains(head.tag)) {
      (void)inner_.on_passed({});
      return Wish::kPass;
    }
  }
  return inner_.begin_value(head);
}

Result<void> PatchingEncoder::on_value(const ElementHead& head, std::string_view bytes) {
  if (depth_ == 0 && written_.contains(head.tag)) return {};
  return inner_.on_value(head, bytes);
}

Result<void> PatchingEncoder::on_passed(const ElementHead& head) { return inner_.on_passed(head); }

Result<void> PatchingEncoder::begin_sequence(const ElementHead& head) {
  if (depth_ == 0) write_until(head.tag);
  ++depth_;
  return inner_.begin_sequence(head);
}

Result<void> PatchingEncoder::begin_item() { return inner_.begin_item(); }
Result<void> PatchingEncoder::end_item() { return inner_.end_item(); }

Result<void> PatchingEncoder::end_sequence() {
  --depth_;
  return inner_.end_sequence();
}

Result<void> PatchingEncoder::begin_fragments(const ElementHead& head) {
  if (depth_ == 0) write_until(head.tag);
  return inner_.begin_fragments(head);
}

Result<void> PatchingEncoder::on_offset_table(std::uint64_t offset, std::uint32_t length, std::string_view bytes) {
  return inner_.on_offset_table(offset, length, bytes);
}
Result<void> PatchingEncoder::on_fragment(const dicom::FragmentHead& fragment) { return inner_.on_fragment(fragment); }
Result<void> PatchingEncoder::end_fragments(std::uint64_t end) { return inner_.end_fragments(end); }
void PatchingEncoder::on_oddity(std::string text) { inner_.on_oddity(std::move(text)); }

}  // namespace gantry::pixels
